"""How the files beside this one were made: by PyTorch 2.13 (`python make.py`). test_read.py states what is in them."""

from collections import OrderedDict
from pathlib import Path

import torch

HERE = Path(__file__).parent


def main() -> None:
    grid = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    state = OrderedDict(
        whole=grid, transposed=grid.T, strided=grid[1::2, 1::2], row=grid[2], scalar=torch.tensor(2.5), empty=torch.zeros(0, 3),
        half=torch.tensor([0.5, -2.0, 65504.0]).half(), bfloat16=torch.tensor([1.0, -0.15625, 3.0e38]).bfloat16(),
        double=torch.tensor([1 / 3], dtype=torch.float64), long=torch.tensor(2**40), int=torch.tensor([-7], dtype=torch.int32),
        short=torch.tensor([-300], dtype=torch.int16), char=torch.tensor([-1], dtype=torch.int8),
        byte=torch.tensor([255], dtype=torch.uint8), bool=torch.tensor([True, False]),
        parameter=torch.nn.Parameter(torch.tensor([1.0, 2.0])),
    )  # fmt: skip
    layer = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
    for parameter in layer.parameters():
        torch.nn.init.constant_(parameter, 0.25)
    checkpoint = {
        "epoch": 7, "args": ("sgd", 0.1, None, True), "state_dict": torch.nn.DataParallel(layer).state_dict(),
        "optimizer": torch.optim.SGD(layer.parameters(), lr=0.1).state_dict(), "shape": torch.Size([1, 2]),
    }  # fmt: skip
    for name, zipped in (("zip", True), ("legacy", False)):
        torch.save(state, HERE / f"{name}.pth", _use_new_zipfile_serialization=zipped)
        torch.save(checkpoint, HERE / f"{name}_checkpoint.pth", _use_new_zipfile_serialization=zipped)


if __name__ == "__main__":
    main()
