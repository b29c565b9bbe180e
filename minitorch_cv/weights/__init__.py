"""Weights on the disk: PyTorch's files and safetensors, read and written without PyTorch and without executing a pickle.

    weights.load("resnet18-f37072fd.pth")        name -> array, from .safetensors, .pth or .pt (both formats)
    weights.save("mine.safetensors", model)      which PyTorch loads; "mine.pth" likewise
    weights.load_into(model, state)              with another number of classes if need be: transfer

    tensors.py         storages, and tensors as views of them, checked
    torch_zip.py       PyTorch's format since 1.6: a zip archive, a pickle in it, a record for each storage
    torch_legacy.py    its format before: pickles and storages one after the other
    safetensors_file.py  the ecosystem's safe format
    files.py           which of them a file is, and the dictionary of weights in what it holds
    transfer.py        weights into a model that differs
"""

from minitorch_cv.weights.errors import WeightsError
from minitorch_cv.weights.files import load, read, save
from minitorch_cv.weights.transfer import Transfer, classes_of, load_into

__all__ = ["Transfer", "WeightsError", "classes_of", "load", "load_into", "read", "save"]
