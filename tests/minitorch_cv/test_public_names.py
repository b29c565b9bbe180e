"""What `import minitorch_cv as mt` promises is there."""

import pytest

import minitorch_cv as mt


def test_all_names_exist() -> None:
    for module in (mt, mt.functional, mt.autograd):
        for name in module.__all__:
            assert getattr(module, name) is not None
        assert len(set(module.__all__)) == len(module.__all__)


def test_packages_are_imported_when_they_are_used() -> None:
    assert mt.nn.Linear is not None
    assert mt.optim.SGD is not None
    assert mt.weights.load is not None
    assert mt.inference.Preprocessing is not None
    with pytest.raises(AttributeError, match="module 'minitorch_cv' has no attribute 'nonsense'"):
        _ = mt.nonsense


def test_threads() -> None:
    before = mt.get_num_threads()
    try:
        mt.set_num_threads(1)
        assert mt.get_num_threads() == 1
        with pytest.raises(ValueError, match="threads: got 0, expected 1 to"):
            mt.set_num_threads(0)
    finally:
        mt.set_num_threads(before)


def test_clipping_is_where_pytorch_has_it_too() -> None:
    assert mt.nn.utils.clip_grad_norm_ is mt.optim.clip_grad_norm_
    assert mt.nn.utils.clip_grad_value_ is mt.optim.clip_grad_value_
