"""Files that must be refused: programs in place of weights, lies about sizes, damage. Each is a name and its content.

A program, if it were executed, would make the file `sentinel`.
"""

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
INFO = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
NUMBERS = np.arange(6, dtype="<f4").tobytes()


def plain(value: object) -> bytes:
    """The instructions that build a plain value, without header and stop."""
    return pickle.dumps(value, 2)[2:-1]


def raw(data: bytes) -> bytes:
    """The instruction of protocol 3 that builds a byte string."""
    return b"B" + struct.pack("<I", len(data)) + data


def name(dotted: str) -> bytes:
    module, _, attribute = dotted.rpartition(".")
    return f"c{module}\n{attribute}\n".encode()


def call(dotted: str, *arguments: bytes) -> bytes:
    return name(dotted) + b"(" + b"".join(arguments) + b"tR"


def storage(numel: object = 6, kind: str = "torch.FloatStorage", key: object = "0", more: bytes = b"") -> bytes:
    return b"(" + plain("storage") + name(kind) + plain(key) + plain("cpu") + plain(numel) + more + b"tQ"


def tensor(stored: bytes | None = None, offset: object = 0, shape: object = (2, 3), strides: object = (3, 1)) -> bytes:
    hooks = name("collections.OrderedDict") + b")R"
    parts = (storage() if stored is None else stored, plain(offset), plain(shape), plain(strides), plain(False), hooks)
    return call("torch._utils._rebuild_tensor_v2", *parts)


def state(value: bytes) -> bytes:
    """A pickle of a dictionary with one entry."""
    return b"\x80\x02}" + plain("weight") + value + b"s."


def zipped(pickled: bytes, records: dict[str, bytes] | None = None, folder: str = "archive", compression: int = 0) -> bytes:
    """A .pth file since PyTorch 1.6."""
    content = io.BytesIO()
    every = {"data.pkl": pickled, "byteorder": b"little", "data/0": NUMBERS, "version": b"3\n"} | (records or {})
    with zipfile.ZipFile(content, "w", compression) as archive:
        for record, data in every.items():
            archive.writestr(f"{folder}/{record}", data)
    return content.getvalue()


def legacy(pickled: bytes, keys: object = ("0",), tail: bytes | None = None, info: dict | None = None) -> bytes:
    """A .pth file of before."""
    head = b"".join(pickle.dumps(value, 2) for value in (MAGIC, VERSION, INFO if info is None else info))
    stored = struct.pack("<q", 6) + NUMBERS if tail is None else tail
    return head + pickled + pickle.dumps(list(keys) if isinstance(keys, tuple) else keys, 2) + stored


def safetensors(header: object, data: bytes = NUMBERS) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def programs(sentinel: Path) -> dict[str, bytes]:
    """Instructions that run a program when `pickle.loads` obeys them."""
    command, code = plain(f"touch {sentinel}"), plain(f"open({str(sentinel)!r}, 'w')")
    command_text = f"touch {sentinel}".encode()
    the_module = call("builtins.__import__", plain("os"))
    imported = call("builtins.getattr", the_module, plain("system"))
    inner = b"\x80\x02" + call("os.system", command) + b"."
    stack_global = b"\x8c\x02os\x8c\x06system\x93"
    return {
        "os.system by GLOBAL": call("os.system", command),
        "posix.system by GLOBAL": call("posix.system", command),
        "os.system by STACK_GLOBAL": stack_global + command + b"\x85R",
        "os.system by INST": b"(" + command + b"ios\nsystem\n",
        "os.system by OBJ": b"(cos\nsystem\n" + command + b"o",
        "Popen by NEWOBJ": name("subprocess.Popen") + b"(](" + plain("touch") + plain(str(sentinel)) + b"et\x81",
        "Popen by NEWOBJ_EX": name("subprocess.Popen") + b"(](" + plain("touch") + plain(str(sentinel)) + b"et}\x92",
        "subprocess.call": call("subprocess.call", b"](" + plain("touch") + plain(str(sentinel)) + b"e"),
        "eval": call("builtins.eval", code),
        "eval of Python 2": call("__builtin__.eval", code),
        "exec": call("builtins.exec", code),
        "getattr of an import": imported + command + b"\x85R",
        "attrgetter": call("operator.attrgetter", plain("system")) + the_module + b"\x85R" + command + b"\x85R",
        "partial": call("functools.partial", name("os.system"), command) + b")R",
        "map": call("builtins.list", call("builtins.map", name("os.system"), b"](" + command + b"e")),
        "apply in a state": name("types.SimpleNamespace") + b")R}" + plain("x") + call("os.system", command) + b"sb",
        "defaultdict with a factory": call("collections.defaultdict", name("os.system")),
        "runpy": call("runpy._run_code", code, b"}"),
        "timeit": call("timeit.timeit", code),
        "pty.spawn": call("pty.spawn", b"](" + plain("touch") + plain(str(sentinel)) + b"e"),
        "webbrowser": call("webbrowser.open", plain("http://localhost")),
        "pickle inside a pickle": call("pickle.loads", raw(inner)),
        "torch.load": call("torch.load", plain("other.pth")),
        "torch.hub.load": call("torch.hub.load", plain("someone/something"), plain("model")),
        "torch storage with a pickle in it": call("torch.storage._load_from_bytes", raw(inner)),
        "storage from a file": call("torch.FloatStorage.from_file", plain("/etc/passwd"), plain(False), plain(6)),
        "numpy.load": call("numpy.load", plain("/etc/passwd")),
        "numpy object array": call("numpy.core.multiarray._reconstruct", name("numpy.ndarray"), plain((0,)), raw(b"b")),
        "a call as a storage": tensor(call("os.system", command)),
        "a call as an offset": call("torch._utils._rebuild_tensor_v2", storage(), call("os.system", command), plain((1,)), plain((1,))),
        "a call as hooks": call(
            "torch._utils._rebuild_tensor_v2", storage(), plain(0), plain((1,)), plain((1,)), plain(False), call("os.system", command)
        ),
        "a call in an OrderedDict": call("collections.OrderedDict", b"](" + b"](" + plain("a") + call("os.system", command) + b"ee"),
        "a call as the attributes of a dictionary": b"}" + call("os.system", command) + b"b",
        "a class as a persistent id": b"(" + plain("module") + name("os.system") + plain("source.py") + code + b"tQ",
        "a text persistent id": b"P" + command_text + b"\n",
        "an extension code": b"\x82\x01",
        "a name as a value": name("os.system"),
        "an unknown class of tensors": call("torch._utils._rebuild_wrapper_subclass", name("os.system"), plain("float32")),
        "a pickled dtype": tensor(storage(kind="os.system")),
        "a name with a newline in it": b"\x8c\x02os\x8c\x09system\nnt\x93" + command + b"\x85R",
    }


def lies() -> dict[str, bytes]:
    """Tensors that are not where they say, in pickles that are otherwise right."""
    return {
        "more numbers than the storage": tensor(shape=(3, 3)),
        "an offset behind the end": tensor(offset=7, shape=(0,), strides=(1,)),
        "an offset that leaves the storage": tensor(offset=1),
        "a stride that leaves the storage": tensor(strides=(4, 1)),
        "a negative stride": tensor(strides=(-3, 1)),
        "a negative offset": tensor(offset=-1),
        "a negative length": tensor(shape=(-2, -3)),
        "a gigantic window on shared places": tensor(shape=(2**30, 2), strides=(0, 1)),
        "a stride of zero over a billion": tensor(shape=(10**9,), strides=(0,)),
        "an impossible shape": tensor(shape=(2**62, 2**62)),
        "an impossible shape that is empty": tensor(shape=(2**40, 2**40, 0), strides=(0, 0, 1)),
        "a length of 5,000 bits": tensor(shape=(2**5000, 1)),
        "fewer strides than lengths": tensor(strides=(1,)),
        "a thousand dimensions": tensor(shape=(1,) * 1000, strides=(1,) * 1000),
        "a shape of floats": tensor(shape=(2.0, 3.0)),
        "a shape of truth values": tensor(shape=(True, True)),
        "a shape that is a list": tensor(shape=[2, 3]),
        "a storage of more numbers": tensor(storage(7)),
        "a storage of fewer numbers": tensor(storage(5), shape=(5,), strides=(1,)),
        "a storage of a trillion numbers": tensor(storage(10**12)),
        "a storage of minus six numbers": tensor(storage(-6)),
        "a storage of True numbers": tensor(storage(True), shape=(1,), strides=(1,)),
        "a storage of another type": tensor(storage(kind="torch.DoubleStorage")),
        "a storage of an unknown type": tensor(storage(kind="torch.QUInt8Storage")),
        "a storage that is not there": tensor(storage(key="1")),
        "a storage in another folder": tensor(storage(key="../../../etc/passwd")),
        "a storage that is a number": tensor(storage(key=0)),
        "a view of a storage": tensor(storage(more=plain(("1", 0, 3)))),
        "a storage by itself": storage(),
        "one storage with two types": tensor() + b"0" + tensor(storage(kind="torch.IntStorage")),
        "one storage with two sizes": tensor() + b"0" + tensor(storage(3), shape=(3,), strides=(1,)),
        "no tensor at all": plain(1),
        "a parameter of a number": call("torch._utils._rebuild_parameter", plain(1), plain(True), b"}"),
        "a value from an empty stack": b"000",
        "a value from nowhere": b"h\x07",
        "an end without a beginning": b"u",
        "a bomb of tuples": b"K\x01" + b"q\x00h\x00\x86" * 40,
    }


def archives(good: bytes) -> dict[str, bytes]:
    """Zip archives around the right pickle `good`, or nearly."""
    bomb = zipped(good, {"data/0": bytes(24)}, compression=zipfile.ZIP_DEFLATED)
    twice = io.BytesIO(zipped(good))
    with zipfile.ZipFile(twice, "a") as archive:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the name is there already
            archive.writestr("archive/data/0", bytes(24))
    whole = zipped(good)
    central = whole.rindex(b"PK\x01\x02", 0, whole.index(b"archive/version", whole.index(b"PK\x01\x02")))
    larger = bytearray(whole)
    larger[central + 20 : central + 28] = struct.pack("<II", 2**31, 2**31)  # both sizes of a record in the directory
    encrypted = bytearray(whole)
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    plain_zip = io.BytesIO()
    with zipfile.ZipFile(plain_zip, "w") as archive:
        archive.writestr("photo/readme.txt", "hello")
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    return {
        "compressed": bomb,
        "a bomb of zeros": zipped(good, {"data/0": bytes(10**7)}, compression=zipfile.ZIP_DEFLATED),
        "two records of one name": twice.getvalue(),
        "a record that claims 2 GiB": bytes(larger),
        "encrypted": bytes(encrypted),
        "damaged numbers": whole.replace(NUMBERS, NUMBERS[:-1] + b"\x99"),
        "names that leave the folder": zipped(good, folder="../../evil"),
        "an absolute name": zipped(good, folder="/tmp/evil"),
        "a second folder": _two_folders(good),
        "big-endian": zipped(good, {"byteorder": b"big"}),
        "a strange byte order": zipped(good, {"byteorder": b"x" * 1000}),
        "TorchScript": zipped(good, {"constants.pkl": b"\x80\x02)."}),
        "no data.pkl": zipped(good).replace(b"data.pkl", b"gone.pkl"),
        "any zip archive": plain_zip.getvalue(),
        "an empty zip archive": empty.getvalue(),
        "no storage": zipped(good).replace(b"archive/data/0", b"archive/data/9"),
        "an empty pickle": zipped(b""),
    }


def _two_folders(good: bytes) -> bytes:
    content = io.BytesIO(zipped(good))
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr("other/data.pkl", good)
    return content.getvalue()


def old_files(good: bytes) -> dict[str, bytes]:
    """Legacy files around the right pickle `good`, or nearly."""
    head = b"".join(pickle.dumps(value, 2) for value in (MAGIC, VERSION))
    return {
        "another number of magic": pickle.dumps(MAGIC + 1, 2) + legacy(good)[len(pickle.dumps(MAGIC, 2)) :],
        "another version": pickle.dumps(MAGIC, 2) + pickle.dumps(1002, 2) + pickle.dumps(INFO, 2) + good,
        "no version": pickle.dumps(MAGIC, 2),
        "no facts": head + pickle.dumps([], 2) + good,
        "big-endian": legacy(good, info=INFO | {"little_endian": False}),
        "a list of storages that is none": legacy(good, keys={"0": 0}),
        "a storage listed twice": legacy(good, keys=("0", "0"), tail=2 * (struct.pack("<q", 6) + NUMBERS)),
        "a storage listed by a list": legacy(good, keys=([],)),
        "an unknown storage listed": legacy(good, keys=("1",)),
        "no storage listed": legacy(good, keys=(), tail=b""),
        "another length": legacy(good, tail=struct.pack("<q", 5) + NUMBERS),
        "a negative length": legacy(good, tail=struct.pack("<q", -6) + NUMBERS),
        "something after the end": legacy(good) + b"more",
    }


def safe_files() -> dict[str, bytes]:
    """Safetensors files, all of them wrong."""
    one = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
    text = json.dumps(one)
    return {
        "header too long": struct.pack("<Q", 2**40) + b"{}" + NUMBERS,
        "header of 2^63 bytes": struct.pack("<Q", 2**63) + b"{}",
        "header not JSON": safetensors(b"{not json}"),
        "header not an object": safetensors([1, 2]),
        "header too deep": safetensors(b'{"a":' * 10_000),
        "header not UTF-8": safetensors(b'{"\xff": 1}'),
        "offsets that overlap": safetensors({"a": one, "b": one}),
        "offsets behind the end": safetensors({"a": one | {"data_offsets": [0, 2400], "shape": [200, 3]}}),
        "offsets in the wrong order": safetensors({"a": one | {"data_offsets": [24, 0]}}),
        "offsets that are negative": safetensors({"a": one | {"data_offsets": [-24, 0]}}),
        "a hole": safetensors({"a": one | {"shape": [1], "data_offsets": [20, 24]}}),
        "a shape that lies": safetensors({"a": one | {"shape": [3, 3]}}),
        "a shape that overflows": safetensors({"a": one | {"shape": [2**62, 4], "data_offsets": [0, 0]}}, b""),
        "a shape of negative numbers": safetensors({"a": one | {"shape": [-2, -3]}}),
        "a thousand dimensions": safetensors({"a": one | {"shape": [2, 3] + [1] * 1000}}),
        "an unknown type": safetensors({"a": one | {"dtype": "OBJECT"}}),
        "a type that NumPy lacks": safetensors({"a": one | {"dtype": "F8_E4M3", "shape": [24]}}),
        "two tensors of one name": safetensors(f'{{"a": {text}, "a": {text}}}'.encode()),
        "something after the end": safetensors({"a": one}) + b"more",
        "cut off": safetensors({"a": one})[:-1],
        "an empty header": safetensors(b"", b""),
        "no tensors": safetensors({}, b""),
    }


def corpus(sentinel: Path) -> Iterator[tuple[str, str, bytes]]:
    """(what it is, the suffix that a file of it has, its content) of all of them."""
    good = state(tensor())
    for what, program in programs(sentinel).items():
        yield f"{what}, zip", ".pth", zipped(state(program))
        yield f"{what}, legacy", ".pt", legacy(state(program))
        yield f"{what}, in the place of the magic number", ".pth", b"\x80\x02" + program + b"."
    for what, lie in lies().items():
        yield f"{what}, zip", ".pth", zipped(state(lie))
        yield f"{what}, legacy", ".pt", legacy(state(lie))
    for what, content in archives(good).items():
        yield f"zip archive: {what}", ".pth", content
    for what, content in old_files(good).items():
        yield f"legacy: {what}", ".pth", content
    for what, content in safe_files().items():
        yield f"safetensors: {what}", ".safetensors", content
    foreign = {"empty": b"", "a web page": b"<!DOCTYPE html><html>", "zeros": bytes(1000), "gzip": b"\x1f\x8b\x08" + bytes(50)}
    for what, content in foreign.items():
        for suffix in (".pth", ".pt", ".safetensors"):
            yield f"{what}{suffix}", suffix, content
