# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sums the results that ./dev test left. Usage: summarize_tests.py DIRECTORY SUITE...

A suite that left no result, or ran no test, counts as one failure: silence is not success.
"""

import json
import pathlib
import sys
import xml.etree.ElementTree

PASSED = {"PASS", "FLAKYPASS", "XFAIL"}
SKIPPED = {"UNSUPPORTED", "SKIPPED", "EXCLUDED"}


def count_lit(path):
    codes = [test["code"] for test in json.loads(path.read_text())["tests"]]
    passed = sum(code in PASSED for code in codes)
    skipped = sum(code in SKIPPED for code in codes)
    return passed, len(codes) - passed - skipped, skipped


def count_junit(path):
    suites = xml.etree.ElementTree.parse(path).getroot().iter("testsuite")
    passed = failed = skipped = 0
    for suite in suites:
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        failed += bad
        skipped += int(suite.get("skipped", 0))
        passed += int(suite.get("tests", 0)) - bad - int(suite.get("skipped", 0))
    return passed, failed, skipped


def main(directory, suites):
    total_passed = total_failed = 0
    print(f"\n{'suite':<8} {'passed':>7} {'failed':>7} {'skipped':>8}")
    for suite in suites:
        lit, junit = directory / f"{suite}.json", directory / f"{suite}.xml"
        if lit.exists():
            passed, failed, skipped = count_lit(lit)
        elif junit.exists():
            passed, failed, skipped = count_junit(junit)
        else:
            passed, failed, skipped = 0, 0, 0
        note = ""
        if passed + failed == 0:
            failed, note = 1, "  ran nothing, which counts as a failure"
        print(f"{suite:<8} {passed:>7} {failed:>7} {skipped:>8}{note}")
        total_passed += passed
        total_failed += failed
    print(f"{total_passed} passed, {total_failed} failed")
    return 1 if total_failed else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2:]))
