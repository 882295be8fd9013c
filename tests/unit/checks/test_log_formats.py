"""The time in front of a line is what counts, whatever format the line itself has."""

from datetime import datetime

import pytest

from servicesop.judge.results import Verdict
from unit.checks.log_pods import T0, Pods, at, build, counted

NEW_YEAR = (datetime(2027, 1, 1, tzinfo=T0.tzinfo) - T0).total_seconds()
FORMATS = {
    "glog": "E{0:%m%d %H:%M:%S.%f}       1 main.go:88] boom",
    "klog with a structure": 'E{0:%m%d %H:%M:%S.%f}       1 main.go:88] "boom" err="x"',
    "logfmt": 'level=error ts={0:%Y-%m-%dT%H:%M:%S.%fZ} msg="boom" err="no route"',
    "JSON with a time": '{{"level":"error","ts":"{0:%Y-%m-%dT%H:%M:%SZ}","msg":"boom"}}',
    "JSON with an epoch": '{{"level":"error","ts":{1:.3f},"msg":"boom"}}',
    "logrus": 'time="{0:%Y-%m-%dT%H:%M:%SZ}" level=error msg=boom',
    "access log": '10.0.0.1 - - [{0:%d/%b/%Y:%H:%M:%S} +0000] "GET /boom" 500',
    "no time": "boom",
    "an old time of its own": "2001-01-01T00:00:00Z boom",
    "a future time of its own": "2099-01-01T00:00:00Z boom",
    "a time that does not exist": "E0230 25:61:61.000000       1 main.go:88] boom",
}


@pytest.mark.parametrize("text", FORMATS.values(), ids=FORMATS.keys())
async def test_the_window_goes_over_new_year(text: str) -> None:
    def say(pods: Pods, seconds: float) -> None:
        moment = at(NEW_YEAR + seconds)
        pods["a"].log(text.format(moment, moment.timestamp()), NEW_YEAR + seconds)

    pods = Pods("a")
    pods["a"].started = NEW_YEAR - 3600
    pods["a"].log("start", NEW_YEAR - 3599)
    for seconds in (-700, -300, -0.001, 0, 0.001, 60):
        say(pods, seconds)
    check = build(pods)
    # The one of 700 s before is out of the window of ten minutes, the others are in it.
    sample = await check.run(at(NEW_YEAR + 90))
    assert counted(sample) == {"a": 5}
    assert counted(await check.run(at(NEW_YEAR + 599))) == {"a": 4}
    assert counted(await check.run(at(NEW_YEAR + 610))) == {"a": 1}
    assert (await check.run(at(NEW_YEAR + 661))).verdict is Verdict.PASSED


@pytest.mark.parametrize("text", FORMATS.values(), ids=FORMATS.keys())
async def test_a_line_of_a_megabyte_is_told_by_its_beginning(text: str) -> None:
    pods = Pods("a")
    pods.chunk = 1 << 15
    pods["a"].log("start", -3599)
    pods["a"].log(text.format(at(-10), at(-10).timestamp()) + "y" * (1 << 20), -10)
    pods["a"].log("y" * (1 << 20) + " boom, but too late in the line", -9)
    pods["a"].log(text.format(at(-8), at(-8).timestamp()), -8)
    assert counted(await build(pods).run(at(0))) == {"a": 2}


async def test_fields_of_json_and_logfmt_are_matched_as_text() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    pods["a"].log('{"level":"error","status":429,"msg":"token exchange"}', -5)
    pods["a"].log('{"level":"info","status":200,"msg":"token exchange"}', -4)
    pods["a"].log('level=error status=429 msg="token exchange"', -3)
    pattern = r'("status":|status=)429\b'
    assert counted(await build(pods, pattern=pattern).run(at(0))) == {"a": 2}


async def test_bytes_that_are_no_text_do_not_hide_what_stands_between_them() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    pods["a"].log(b"failed \xff\xfe\x00 to create", -5)
    pods["a"].log(b"\x1b[31mfailed\x1b[0m to create", -4)
    pods["a"].log(b"\xed\xa0\x80 failed to create \xf4\x90\x80\x80", -3)
    assert counted(await build(pods, pattern="failed.*to create").run(at(0))) == {"a": 3}
