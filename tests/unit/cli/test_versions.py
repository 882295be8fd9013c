"""Where another version of servicesop comes from: a number, a wheel, or where it is installed."""

import shutil
from pathlib import Path

import pytest

from servicesop.cli.programs import run
from servicesop.cli.versions import VersionError, age, find_version
from unit.cli.other_versions import stub, wheel

NUMBER = "77.1.0"


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("0.4.0", "0.5.0"),
        ("0.9.0", "0.10.0"),
        ("0.4", "0.4.1"),
        ("0.5.0rc1", "0.5.0"),
        ("0.5.0.dev3", "0.5.0"),
        ("0.5.0a1", "0.5.0rc1"),
        ("0.4.9", "0.5.0rc1"),
        ("0.5.0", "0.5.0.post1"),
    ],
)
def test_versions_are_sorted_by_age(older: str, newer: str) -> None:
    assert age(older) < age(newer)


def test_a_version_is_installed_once_and_into_a_place_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    index.mkdir()
    wheel(index, stub(tmp_path / "unpacked", NUMBER, f"print({NUMBER!r})"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    said: list[str] = []

    version = find_version(NUMBER, tmp_path / "cache", said.append)

    ended = run(version.command, 60)
    assert (version.number, ended.code, ended.output) == (NUMBER, 0, f"{NUMBER}\n".encode())
    (place,) = (tmp_path / "cache").iterdir()
    assert said == [f"installing servicesop=={NUMBER} into {place}"]

    shutil.rmtree(index)
    assert find_version(NUMBER, tmp_path / "cache", said.append) == version
    assert find_version(str(place), tmp_path / "cache", said.append) == version
    assert len(said) == 1


def test_what_pip_cannot_install_leaves_nothing_and_pips_own_words_are_told(
    tmp_path: Path,
) -> None:
    broken = tmp_path / f"servicesop-{NUMBER}-py3-none-any.whl"
    broken.write_bytes(b"no archive")

    with pytest.raises(VersionError) as wrong:
        find_version(str(broken), tmp_path / "cache", lambda line: None)

    assert "pip cannot install it:\n" in str(wrong.value)
    assert broken.name in str(wrong.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_directory_is_run_as_it_is(tmp_path: Path) -> None:
    place = stub(tmp_path / "a place", NUMBER, "print(*sys.argv[1:])")
    version = find_version(str(place), tmp_path / "cache", lambda line: None)

    assert run((*version.command, "one", "two"), 60).output == b"one two\n"
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("number", ["0.3.0", "0.3.9rc1", "0.1"])
def test_a_version_without_tests_is_not_even_installed(tmp_path: Path, number: str) -> None:
    wheel_ = wheel(tmp_path, stub(tmp_path / "unpacked", number, "pass"))

    for given in (number, str(wheel_), str(tmp_path / "unpacked")):
        with pytest.raises(VersionError, match=f"servicesop {number} has no `servicesop test`"):
            find_version(given, tmp_path / "cache", lambda line: None)


@pytest.mark.parametrize("given", ["latest", "no/such/place", "--index-url=x", "0.4.0 --pre"])
def test_what_is_no_version_says_what_may_be_given(tmp_path: Path, given: str) -> None:
    with pytest.raises(VersionError, match=r"must be a version such as 1\.2\.3, a wheel of"):
        find_version(given, tmp_path / "cache", lambda line: None)


def test_a_directory_with_the_code_alone_has_no_version(tmp_path: Path) -> None:
    place = stub(tmp_path / "other", NUMBER, "pass")
    shutil.rmtree(place / f"servicesop-{NUMBER}.dist-info")

    with pytest.raises(VersionError, match="it has 0 directories servicesop-"):
        find_version(str(place), tmp_path / "cache", lambda line: None)
