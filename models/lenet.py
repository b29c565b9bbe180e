"""LeNet, the first convolutional networks that learnt from images by gradients: zip codes in 1989, cheques in 1998.

Y. LeCun, B. Boser, J. Denker, D. Henderson, R. Howard, W. Hubbard, L. Jackel: Backpropagation Applied to Handwritten Zip Code
Recognition. Neural Computation 1 (1989): `lenet1`.
Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-Based Learning Applied to Document Recognition. Proceedings of the
IEEE 86 (1998): `lenet5`.

The kernels are not designed but learnt, by backpropagation from pixels to classes. The places of a map share one kernel: what is looked
for does not depend on where it is, and thousands of connections have few weights. Maps shrink from layer to layer, as the exact
place matters less; in 1989 by convolutions with stride 2, in 1998 by subsampling.

    lenet1  image 1 x 16 x 16 -> 12 x 8 x 8 -> 12 x 4 x 4 -> 30 -> 10
    lenet5  image 1 x 32 x 32 -> 6 x 28 x 28 -> 6 x 14 x 14 -> 16 x 10 x 10 -> 16 x 5 x 5 -> 120 -> 84 -> 10

`lenet1` is the paper's network with its 9,760 free parameters and 64,660 connections (biases counted). Every unit has its own bias: only
kernels are shared. Images are -1 (background) to 1, and beyond their border is background. Each map of the second layer sees
eight of the first layer's twelve.
NOTE: the paper does not print which eight: here, each third of the maps leaves out another third. Its output units have a tanh
too and learn +1 and -1 by squared error, image by image; here the outputs are linear, with cross-entropy.

NOTE: as everywhere today, `lenet5` deviates from the paper: max pooling instead of averages with trained coefficients, every
map of the second convolution sees all six maps of the first, and a linear last layer with cross-entropy instead of
radial basis functions.
"""

from math import prod

import minitorch_cv as mt
import minitorch_cv.functional as F
from minitorch_cv import Tensor, nn
from minitorch_cv.training.recipe import Recipe
from models.registry import register

PAPER_1989 = "LeCun et al. 1989, Backpropagation Applied to Handwritten Zip Code Recognition"
PAPER = "LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition"

BACKGROUND = -1.0
ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU}


class ZipCodeConv(nn.Module):
    """A 5x5 convolution with stride 2 whose border is background, and with a bias for every unit: each of 12 maps at each place.

    in_channels: maps it sees. groups: the 12 maps are so many equal parts, each of which sees its own in_channels.
    size: height and width of its maps.
    """

    def __init__(self, in_channels: int, size: int, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels * groups, 12, 5, stride=2, groups=groups, bias=False)
        self.bias = nn.Parameter(mt.zeros(12, size, size))

    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels * groups, 2 * size, 2 * size)
        maps = self.conv(F.pad(x, (2, 2, 2, 2), value=BACKGROUND))
        if maps.shape[1:] != self.bias.shape:  # and maps of 1x1 would be broadcast
            height, width = (2 * side for side in self.bias.shape[1:])
            raise ValueError(f"x: got shape {x.shape}, expected {height} x {width} pixels: every unit has its own bias")
        return squash(maps + self.bias)  # (N, 12, size, size)


def squash(x: Tensor) -> Tensor:
    """1.7159 tanh(2 x / 3): f(1) is 1 and f(-1) is -1, where its second derivative is largest."""
    return 1.7159 * F.tanh(x * (2 / 3))


class LeNet1(nn.Module):
    """The network of 1989. in_channels, num_classes: of the data."""

    def __init__(self, in_channels: int = 1, num_classes: int = 10) -> None:
        super().__init__()
        self.h1 = ZipCodeConv(in_channels, size=8)
        self.h2 = ZipCodeConv(8, size=4, groups=3)
        self.h3 = nn.Linear(12 * 4 * 4, 30)
        self.output = nn.Linear(30, num_classes)
        for layer in (self.h1.conv, self.h2.conv, self.h3, self.output):
            bound = 2.4 / prod(layer.weight.shape[1:])  # the paper's: uniform between -2.4 / fan in and 2.4 / fan in
            nn.init.uniform_(layer.weight, -bound, bound)
        for layer in (self.h3, self.output):
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:  # (N, C, 16, 16)
        x = self.h1(x)  # (N, 12, 8, 8)
        first, second, third = x[:, 0:4], x[:, 4:8], x[:, 8:12]
        x = F.cat([first, second, second, third, third, first], 1)  # (N, 3 * 8, 8, 8): what each third of the next maps sees
        x = self.h2(x)  # (N, 12, 4, 4)
        x = squash(self.h3(F.flatten(x, 1)))  # (N, 30)
        return self.output(x)  # (N, num_classes)


class LeNet5(nn.Module):
    """LeNet-5 with either activation.

    in_channels, num_classes: of the data. padding: of the first convolution; 0 for images of 32 x 32, 2 for 28 x 28.
    activation: "tanh" or "relu", after each pooling and each linear layer but the last.
    """

    def __init__(self, in_channels: int = 1, num_classes: int = 10, padding: int = 0, activation: str = "tanh") -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation: got {activation!r}, expected one of {', '.join(ACTIVATIONS)}")
        self.conv1 = nn.Conv2d(in_channels, 6, 5, padding=padding)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.pool = nn.MaxPool2d(2)
        self.activation = ACTIVATIONS[activation]()
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


# Pixels from -1 to 1, as in the paper; it made 23 passes, a step for each image.
ZIP_CODE_RECIPE = Recipe(
    epochs=20, batch_size=32, optimizer="nesterov", lr=0.05, momentum=0.9, schedule="linear", augment=True, augmentation={"crop": 1},
    mean=(0.5,), std=(0.5,),
)  # fmt: skip

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


@register(
    "lenet1", input_shape=(1, 16, 16), parameters=9_760, macs=63_660, paper=PAPER_1989,
    recipes={"digits": ZIP_CODE_RECIPE, "mnist": ZIP_CODE_RECIPE.with_options(epochs=10)},
)  # fmt: skip
def lenet1(in_channels: int = 1, num_classes: int = 10) -> LeNet1:
    """The network of 1989, for images of 16 x 16."""
    return LeNet1(in_channels, num_classes)


@register("lenet5", input_shape=(1, 32, 32), parameters=61_706, macs=416_520, recipes=TANH_RECIPES, paper=PAPER)
def lenet5(in_channels: int = 1, num_classes: int = 10) -> LeNet5:
    """LeNet-5 with tanh, for images of 32 x 32."""
    return LeNet5(in_channels, num_classes, padding=0, activation="tanh")


@register("lenet5_relu", input_shape=(1, 28, 28), parameters=61_706, macs=416_520, recipes=RELU_RECIPES, paper=PAPER)
def lenet5_relu(in_channels: int = 1, num_classes: int = 10) -> LeNet5:
    """LeNet-5 with ReLU, for images of 28 x 28: the first convolution pads by 2."""
    return LeNet5(in_channels, num_classes, padding=2, activation="relu")
