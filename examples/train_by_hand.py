"""A training loop by hand: LeNet-5 learns handwritten digits, with nothing hidden. Run it: python examples/train_by_hand.py"""

import minitorch_cv as mt
import minitorch_cv.functional as F
import models
from minitorch_cv import data, optim

mt.manual_seed(0)
train = data.Loader(data.load("digits"), batch_size=32, shuffle=True)
test = data.Loader(data.load("digits", train=False), batch_size=360)
model = models.create("lenet5")
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

for epoch in range(10):
    model.train()
    for images, labels in train.epoch(epoch):
        logits = model(mt.from_numpy(images))
        loss = F.cross_entropy(logits, mt.from_numpy(labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    model.eval()
    with mt.no_grad():
        for images, labels in test.epoch(epoch):
            correct = model(mt.from_numpy(images)).numpy().argmax(axis=1) == labels
    print(f"epoch {epoch + 1}: last loss {loss.item():.4f}, test accuracy {correct.mean():.1%}")
