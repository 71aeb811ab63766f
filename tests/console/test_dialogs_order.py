"""Where Tab goes in a wizard: from the last field on to Continue, and only then to Back and Cancel."""

from textual.app import App

from kctui.core.engine import Engine
from kctui.screens.dialogs.create_key_set import CreateKeySetWizard


async def test_tab_after_the_last_field_comes_to_continue(engine: Engine) -> None:
    app: App[None] = App()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(CreateKeySetWizard(engine))
        await pilot.press("a", "enter", "b", "tab")
        assert app.focused is not None
        assert app.focused.id == "continue"
