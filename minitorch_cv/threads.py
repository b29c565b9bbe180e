"""How many threads compute: one number for the kernels and for NumPy's matrix products."""


def set_num_threads(threads: int) -> None:
    """Let kernels, and the BLAS behind NumPy's matrix product, use `threads` threads."""
    from threadpoolctl import threadpool_limits

    from kernels import jit

    jit.set_num_threads(threads)
    threadpool_limits(threads, user_api="blas")


def get_num_threads() -> int:
    """How many threads the kernels use."""
    from kernels import jit

    return jit.get_num_threads()
