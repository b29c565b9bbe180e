"""LeNet-5, the network that read cheques.

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-Based Learning Applied to Document Recognition. Proceedings of the
IEEE 86 (1998).

    image 1 x 32 x 32 -> 6 x 28 x 28 -> 6 x 14 x 14 -> 16 x 10 x 10 -> 16 x 5 x 5 -> 120 -> 84 -> 10

NOTE: as everywhere today, it deviates from the paper: max pooling instead of averages with trained coefficients, every
map of the second convolution sees all six maps of the first, and a linear last layer with cross-entropy instead of
radial basis functions.
"""

import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from minitorch_cv.training.recipe import Recipe
from models.registry import register

PAPER = "LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition"


class LeNet5(nn.Module):
    """LeNet-5 with either activation.

    in_channels, num_classes: of the data. padding: of the first convolution; 0 for images of 32 x 32, 2 for 28 x 28.
    activation: "tanh" or "relu", after each pooling and each linear layer but the last.
    """

    def __init__(self, in_channels: int = 1, num_classes: int = 10, padding: int = 0, activation: str = "tanh") -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 6, 5, padding=padding)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.pool = nn.MaxPool2d(2)
        self.activation = nn.Tanh() if activation == "tanh" else nn.ReLU()
        self.fc1 = nn.Linear(16 * 5 * 5, 120)  # the paper's third convolution: its 5x5 kernel sees a 5x5 map at one place only
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x: Tensor) -> Tensor:  # (N, C, 32, 32) or, with padding 2, (N, C, 28, 28)
        # Both activations are increasing functions: the largest of four values is the same before and after. After
        # pooling they cost a quarter.
        x = self.activation(self.pool(self.conv1(x)))  # (N, 6, 14, 14)
        x = self.activation(self.pool(self.conv2(x)))  # (N, 16, 5, 5)
        x = F.flatten(x, 1)  # (N, 400)
        x = self.activation(self.fc1(x))
        x = self.activation(self.fc2(x))
        return self.fc3(x)  # (N, num_classes)


TANH_RECIPES = {
    # Chosen by a fifth of the training images set aside: shifts by up to two pixels gave 98.3 %, the plain images 97.2 %.
    "digits": Recipe(
        epochs=20, batch_size=32, optimizer="nesterov", lr=0.05, momentum=0.9, schedule="linear", augment=True, augmentation={"crop": 2}
    ),
    # The plain recipe: SGD without momentum, pixels between 0 and 1.
    "mnist": Recipe(epochs=10, batch_size=100, optimizer="sgd", lr=0.01, augmentation={"crop": 2}),
    "fashion_mnist": Recipe(
        epochs=10, batch_size=100, optimizer="nesterov", lr=0.05, momentum=0.9, schedule="linear", augmentation={"crop": 2, "flip": True},
        mean=(0.2860,), std=(0.3530,),
    ),
}  # fmt: skip

RELU_RECIPES = {
    "mnist": Recipe(
        epochs=10, batch_size=100, optimizer="nesterov", lr=0.05, momentum=0.9, weight_decay=5e-4, schedule="linear",
        augmentation={"crop": 2}, mean=(0.1307,), std=(0.3081,),
    ),
    "fashion_mnist": TANH_RECIPES["fashion_mnist"],
    "digits": TANH_RECIPES["digits"],
}  # fmt: skip


@register("lenet5", input_shape=(1, 32, 32), parameters=61_706, macs=416_520, recipes=TANH_RECIPES, paper=PAPER)
def lenet5(in_channels: int = 1, num_classes: int = 10) -> LeNet5:
    """LeNet-5 with tanh, for images of 32 x 32."""
    return LeNet5(in_channels, num_classes, padding=0, activation="tanh")


@register("lenet5_relu", input_shape=(1, 28, 28), parameters=61_706, macs=416_520, recipes=RELU_RECIPES, paper=PAPER)
def lenet5_relu(in_channels: int = 1, num_classes: int = 10) -> LeNet5:
    """LeNet-5 with ReLU, for images of 28 x 28: the first convolution pads by 2."""
    return LeNet5(in_channels, num_classes, padding=2, activation="relu")
