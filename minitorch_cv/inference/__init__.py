"""Using trained models: on image files, and on images larger than those they were trained on.

    classify_images(model, Preprocessing(256, 224), classes, ["cat.jpg"])  # the most probable classes
    segment(unet, images, tile=384)                   # a segmentation network, by overlapping tiles: no seams
    network = convolutionize(classifier, (224, 224))  # a classifier as a convolution over a larger image: a map of logits
    dense_predict(network, images, scales=(1, 1.25))  # the map, at several scales, as one prediction
"""

from minitorch_cv.inference.classification import classify_images
from minitorch_cv.inference.dense import as_convolution, convolutionize, dense_predict
from minitorch_cv.inference.preprocessing import Preprocessing, open_image
from minitorch_cv.inference.tiles import ValidNetwork, mirrored, segment

__all__ = [
    "Preprocessing",
    "ValidNetwork",
    "as_convolution",
    "classify_images",
    "convolutionize",
    "dense_predict",
    "mirrored",
    "open_image",
    "segment",
]
