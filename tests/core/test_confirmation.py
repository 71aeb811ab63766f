"""The typed name: exact to the letter, and a wrong one is in the audit log."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kctui.core.confirmation import Confirmation
from kctui.core.engine import Engine
from kctui.core.errors import RefusedError
from kctui.core.lists import AuditList, AuditQuery
from kctui.core.words import AuditCategory, AuditType
from tests.core.rows import group_id

NAME = "payroll-db"


def confirmation(engine: Engine) -> Confirmation:
    return Confirmation("Remove from Cloud", "CloudKey", NAME, AuditCategory.CLOUD_KEY, group_id(engine))


def test_the_exact_name_passes_without_an_entry(engine: Engine) -> None:
    before = AuditList(engine.store, AuditQuery()).count()
    confirmation(engine).require(engine, NAME)
    assert AuditList(engine.store, AuditQuery()).count() == before


@pytest.mark.parametrize(
    "typed", ["", "payroll", "payroll-db ", " payroll-db", "Payroll-db", "payroll-db\n", "рayroll-db"]
)
def test_any_other_name_is_refused_and_audited(engine: Engine, typed: str) -> None:
    with pytest.raises(RefusedError, match="does not match"):
        confirmation(engine).require(engine, typed)
    entry = AuditList(engine.store, AuditQuery()).page(limit=1).rows[0]
    assert (entry.type, entry.message) == (
        AuditType.WARNING, "Remove from Cloud of payroll-db refused: wrong name typed",
    )  # fmt: skip


@given(st.text())
def test_nothing_but_the_name_fits(typed: str) -> None:
    wanted = Confirmation("Delete CloudKey", "CloudKey", NAME, AuditCategory.CLOUD_KEY, "g")
    assert wanted.fits(typed) == (typed == NAME)
