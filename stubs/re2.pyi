class error(Exception): ...  # noqa: N801, N818 - the library's name

class Options:
    max_mem: int
    log_errors: bool
    never_capture: bool
    def __init__(self) -> None: ...

class _Match:
    def group(self, name: str) -> bytes: ...

class _Regexp:
    @property
    def programsize(self) -> int: ...
    def search(self, text: str | bytes) -> _Match | None: ...

def escape(pattern: str) -> str: ...
def compile(pattern: str, options: Options | None = ...) -> _Regexp: ...  # noqa: A001
