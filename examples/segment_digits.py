"""What a U-Net sees: digits on photographs, what belongs to them, and what a trained network says belongs to them.

    minitorch-cv train unet --out runs/unet          # some ten minutes on two cores
    python examples/segment_digits.py runs/unet [FILE]

Draws `segmentation.png`: test images of the data set `digit_scenes`, and a photograph many times their size, which is segmented by
overlapping tiles. Seams are looked for, too: the same photograph at once gives the same logits.
"""

import sys
from io import BytesIO

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import minitorch_cv as mt
import models
from minitorch_cv import nn
from minitorch_cv.data import load
from minitorch_cv.data.pixels import as_float
from minitorch_cv.data.segmentation import draw_scene, photograph
from minitorch_cv.inference import segment

COLUMNS = 8
TILE = 64
COLOURS = np.concatenate([[[0.07, 0.07, 0.07]], plt.get_cmap("tab10").colors])  # the background, and the digits 0 to 9


def logits_of(model: nn.Module, images: np.ndarray, tile: int | None = None) -> np.ndarray:
    """The logits (N, K, H, W) of uint8 images (N, H, W, 3), by tiles or at once."""
    return segment(model, mt.from_numpy(as_float(images).transpose(0, 3, 1, 2)), tile).numpy()


def mean_iou(masks: np.ndarray, predictions: np.ndarray) -> float:
    """The mean, over the classes there are, of intersection over union."""
    pairs = [(masks == label, predictions == label) for label in range(len(COLOURS))]
    return float(np.mean([(m & p).sum() / (m | p).sum() for m, p in pairs if (m | p).any()]))


def main(run: str, file: str) -> None:
    model = models.load_run(run)
    test = load("digit_scenes", train=False)
    predictions = logits_of(model, test.images).argmax(1)
    print(f"{len(test)} test images: mean IoU {100 * mean_iou(test.labels, predictions):.2f} %")

    ground = np.concatenate([photograph("china.jpg"), photograph("flower.jpg")], axis=1)  # (213, 640, 3)
    image, mask = draw_scene(ground, load("digits", train=False), 90, np.random.default_rng(0))
    by_tiles, at_once = logits_of(model, image[np.newaxis], TILE)[0], logits_of(model, image[np.newaxis])[0]
    print(f"{image.shape[0]} x {image.shape[1]} pixels in tiles of {TILE}: mean IoU {100 * mean_iou(mask, by_tiles.argmax(0)):.2f} %")
    print(f"by tiles and at once, logits differ by at most {np.abs(by_tiles - at_once).max():.1e}, of {np.ptp(at_once):.0f}")

    figure = plt.figure(figsize=(9.6, 10.4), layout="constrained")
    small, large = figure.subfigures(2, 1, height_ratios=(1, 2.4))
    for row, (name, pictures) in zip(
        small.subplots(3, COLUMNS), {"image": test.images, "mask": COLOURS[test.labels], "U-Net": COLOURS[predictions]}.items(), strict=True
    ):
        for place, picture in zip(row, pictures, strict=False):
            show(place, picture)
        row[0].set_ylabel(name)
    for place, (name, picture) in zip(
        large.subplots(3, 1), {"image": image, "mask": COLOURS[mask], "U-Net": COLOURS[by_tiles.argmax(0)]}.items(), strict=True
    ):
        show(place, picture)
        place.set_ylabel(name)
    place.set(xticks=np.arange(TILE, 640, TILE), yticks=np.arange(TILE, 213, TILE))  # where tiles meet
    place.tick_params(labelbottom=False, labelleft=False)
    handles = [plt.Line2D([], [], marker="s", linestyle="", color=colour, label=f"{digit}") for digit, colour in enumerate(COLOURS[1:])]
    figure.legend(handles=handles, ncols=10, loc="outside lower center", frameon=False, handletextpad=0.1)
    drawn = BytesIO()
    figure.savefig(drawn, dpi=80)
    Image.open(drawn).convert("RGB").quantize(256).save(file, optimize=True)  # a third of the size


def show(place: plt.Axes, picture: np.ndarray) -> None:
    place.imshow(picture, interpolation="nearest")
    place.set(xticks=[], yticks=[])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("say which run to draw: python examples/segment_digits.py RUN_DIR [FILE]")
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "segmentation.png")
