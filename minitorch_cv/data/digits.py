"""The embedded data set: 1,797 handwritten digits that scikit-learn ships, so that a first training run needs no download.

Origin: the test part of "Optical Recognition of Handwritten Digits" (Alpaydin, Kaynak, 1998, UCI Machine Learning
Repository): digits of 13 people, 8x8 pixels of 17 grey levels.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from minitorch_cv.data.dataset import DataError, Dataset, register, stratified_split
from minitorch_cv.data.transforms import resize_bilinear

SIZE = 32  # pixels, the size that LeNet-5 wants
TEST_FRACTION = 0.2


@register("digits")
def load_digits(root: Path, train: bool, download: bool) -> Dataset:
    """1,437 training and 360 test digits, enlarged from 8x8 to 32x32; the split is fixed and stratified.

    `root` and `download` have no meaning here.
    """
    table = _table()
    if table.shape != (1797, 65):
        raise DataError(f"scikit-learn's digits form a table of shape {table.shape}, expected (1797, 65): reinstall scikit-learn")
    grey = table[:, :64].reshape(-1, 8, 8, 1).astype(np.float32)  # 0 to 16
    images = np.rint(resize_bilinear(grey, SIZE, SIZE) * (255 / 16)).astype(np.uint8)
    labels = table[:, 64].astype(np.int64)
    dataset = Dataset(images, labels, tuple("0123456789"), "digits")
    return dataset.subset(stratified_split(labels, TEST_FRACTION)[0 if train else 1])


def _table() -> np.ndarray:
    """(1797, 65): 64 pixels and the label in each row.

    `import sklearn` takes a second, the file that it would read a hundredth of that; so the file is read, where it is found.
    """
    package = find_spec("sklearn")
    if package is None or not package.submodule_search_locations:
        raise DataError("the data set digits comes with scikit-learn, which is not installed: pip install scikit-learn")
    path = Path(package.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
    if path.is_file():
        return np.loadtxt(path, delimiter=",")
    from sklearn.datasets import load_digits as load_from_sklearn

    pixels, labels = load_from_sklearn(return_X_y=True)
    return np.column_stack([pixels, labels])
