"""The tests' closing lines on HSMs: which key specs ran on which module, and which it refused, and why.

A test that finds its key spec refused asserts the refusal, and is no skipped test; here is told that it was so.
"""

from collections.abc import Callable

import pytest

_PROPERTY = "hsm"
Note = Callable[[str, str, str], None]


@pytest.fixture
def note_hsm(record_property: Callable[[str, object], None]) -> Note:
    """Note for the closing lines: the module with its version, the key spec, and why it was refused; "" if it ran."""
    return lambda module, spec, refusal: record_property(_PROPERTY, [module, spec, refusal])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Runs where the tests are reported: the properties of a report come from the workers with it."""
    ran: dict[str, dict[str, str]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                for name, value in report.user_properties:
                    if name == _PROPERTY:
                        module, spec, refusal = value
                        ran.setdefault(module, {})[spec] = refusal
    for module, specs in sorted(ran.items()):
        did = ", ".join(sorted(spec for spec, refusal in specs.items() if not refusal)) or "none"
        terminalreporter.write_line(f"HSM: {module}: {did} ran")
        for spec, refusal in sorted(specs.items()):
            if refusal:
                terminalreporter.write_line(f"HSM: {module}: {spec} refused ({refusal.splitlines()[-1]})")
