"""The one registry of actions. Bindings, footer, Actions menu, help, palette and read-only mode all read it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from kctui.core.availability import KeyAction, why_not
from kctui.screens.state import ConsoleState, Tab

Availability = Callable[[ConsoleState], str | None]


class Target(Enum):
    """What an action works on, in the words of the reason when it is not there."""

    NOTHING = ""
    ROW = "there is no row to act on"
    CLOUD_KEY = "choose a CloudKey first"
    CSP_ACCOUNT = "choose a CSP Account first"
    KEY_SET = "choose a Key Set first"


@dataclass(frozen=True)
class Action:
    """One thing to do.

    name: stable, for the keymap and the code (`do_<name>`). key: Textual's key names, comma separated; may be
    empty. availability: the reason why not, or None; `why_unavailable` asks it after the general reasons.
    asks_aws: needs an unlocked vault and an AWS that answers. label: the short word of the footer; "" keeps it
    out of there. menu: whether the Actions menu lists it.
    """

    name: str
    title: str
    key: str
    description: str
    target: Target = Target.NOTHING
    mutates: bool = False
    availability: Availability = lambda _state: None
    unlocked: bool = False
    asks_aws: bool = False
    label: str = ""
    menu: bool = True

    def why_unavailable(self, state: ConsoleState) -> str | None:
        """None when the action is possible in this state; else the reason, for after the title and a colon."""
        if not state.opened:
            return "kctui is still opening its home"
        if self.mutates and state.read_only:
            return "kctui runs read-only"
        if missing := _missing_target(self.target, state):
            return missing
        if reason := self.availability(state):
            return reason
        if (self.unlocked or self.asks_aws) and not state.unlocked:
            return "the vault is locked: unlock it first"
        if self.asks_aws and state.unreachable is not None and self.target is not Target.CSP_ACCOUNT:
            return f"AWS does not answer for {state.unreachable.name}"
        return None


def _missing_target(target: Target, state: ConsoleState) -> str | None:
    fits = {
        Target.NOTHING: True,
        Target.ROW: state.row is not None,
        Target.CLOUD_KEY: state.row is not None and state.tab is Tab.CLOUD_KEYS,
        Target.CSP_ACCOUNT: state.row is not None and state.tab is Tab.CSP_ACCOUNTS,
        Target.KEY_SET: state.row is not None and state.tab is Tab.KEY_SETS,
    }
    return None if fits[target] else target.value


def _key_action(action: KeyAction) -> Availability:
    def reason(state: ConsoleState) -> str | None:
        return why_not(action, state.row)  # type: ignore[arg-type] # Target.CLOUD_KEY has been checked

    return reason


def _needs_account(state: ConsoleState) -> str | None:
    return None if state.overview.accounts else "add a CSP Account first"


def _needs_key_set(state: ConsoleState) -> str | None:
    return _needs_account(state) or (None if state.overview.key_sets else "create a Key Set first")


def _needs_no_keys(state: ConsoleState) -> str | None:
    keys = getattr(state.row, "cloud_keys", 0)
    return None if not keys else f"it has {keys:,} CloudKey{'' if keys == 1 else 's'}"


def _account_is_idle(state: ConsoleState) -> str | None:
    return "Rotate Credentials is not finished" if getattr(state.row, "busy", None) is not None else None


def _has_access_key(state: ConsoleState) -> str | None:
    if not getattr(state.row, "access_key_id", ""):
        return "its credential is no access key"
    return _account_is_idle(state)


def _needs_no_key_sets(state: ConsoleState) -> str | None:
    account_id = getattr(state.row, "id", None)
    names = [key_set.name for key_set in state.overview.key_sets if key_set.account_id == account_id]
    if names:
        return f"its Key Set {names[0]} uses it" if len(names) == 1 else f"its Key Sets {', '.join(names)} use it"
    return _account_is_idle(state)


def _needs_open_operation(state: ConsoleState) -> str | None:
    return None if state.overview.open_operations else "no operation is left open"


def _needs_idle(state: ConsoleState) -> str | None:
    if state.refreshing:
        return "it is under way"
    return _needs_account(state)


def _needs_refresh(state: ConsoleState) -> str | None:
    return None if state.stoppable else "no refresh is under way"


def _on_cloud_keys(state: ConsoleState) -> str | None:
    return None if state.tab is Tab.CLOUD_KEYS else f"in the tab {Tab.CLOUD_KEYS.words} only"


def _on_audit_log(state: ConsoleState) -> str | None:
    return None if state.tab is Tab.AUDIT else f"in the tab {Tab.AUDIT.words} only"


def _has_id(state: ConsoleState) -> str | None:
    if state.tab is Tab.CLOUD_KEYS and getattr(state.row, "kms_key_id", None) is None:
        return "KMS has given the key no id yet"
    return None


def _has_arn(state: ConsoleState) -> str | None:
    if state.tab is Tab.CLOUD_KEYS and getattr(state.row, "key_arn", None) is not None:
        return None
    if state.tab is Tab.CSP_ACCOUNTS:
        return None
    return "this row has no ARN"


def creates(state: ConsoleState) -> str:
    """Give the name of the action that Create means here: the next of the three steps, else the tab's own."""
    if not state.overview.accounts or state.tab is Tab.CSP_ACCOUNTS:
        return "create_account"
    if not state.overview.key_sets or state.tab is Tab.KEY_SETS:
        return "create_key_set"
    return "create_cloud_key"


def _can_create(state: ConsoleState) -> str | None:
    if state.tab is Tab.AUDIT and state.overview.key_sets:
        return "nothing is created in the Audit Log"
    return ACTIONS[creates(state)].why_unavailable(state)


def _tab(number: int, tab: Tab) -> Action:
    return Action(f"tab_{number}", tab.words, str(number), f"Show the tab {tab.words}.", menu=False)


_ALL = (
    Action("menu", "Actions", "a", "List every action, and why one is not possible now.", label="Actions", menu=False),
    Action(
        "create", "Create", "c", "Create what the tab shows.", Target.NOTHING, True, _can_create, label="Create",
        menu=False,
    ),
    Action(
        "create_account", "Add CSP Account", "", "Add the credentials for an AWS account.", mutates=True,
        unlocked=True,
    ),
    Action(
        "create_key_set", "Create Key Set", "", "Make a set for the CloudKeys of a CSP Account.", mutates=True,
        unlocked=True, availability=_needs_account,
    ),
    Action(
        "create_cloud_key", "Create CloudKey", "", "Make key material here and bring it to AWS KMS.", mutates=True,
        asks_aws=True, availability=_needs_key_set,
    ),
    Action(
        "import_cloud_key", "Import CloudKey", "i", "Take keys that are in AWS into a Key Set.", mutates=True,
        asks_aws=True, availability=_needs_key_set,
    ),
    Action(
        "edit_key_set", "Edit Key Set", "", "Change name, description, and how its CloudKeys rotate.",
        Target.KEY_SET, True, unlocked=True,
    ),
    Action(
        "remove_key_set", "Remove Key Set", "", "Remove a Key Set that has no CloudKeys.",
        Target.KEY_SET, True, _needs_no_keys, unlocked=True,
    ),
    Action("hsms", "HSMs", "H", "List the HSMs; add, test and remove them."),
    Action(
        "remove", "Remove from Cloud", "x", "Delete the key material in the cloud; kctui keeps its copy.",
        Target.CLOUD_KEY, True, _key_action(KeyAction.REMOVE), asks_aws=True, label="Remove",
    ),
    Action(
        "upload", "Upload to Cloud", "u", "Import kctui's copy of the key material into the cloud again.",
        Target.CLOUD_KEY, True, _key_action(KeyAction.UPLOAD), asks_aws=True, label="Upload",
    ),
    Action(
        "delete", "Delete CloudKey", "X,delete", "Let AWS delete the key for good, in 7 to 30 days.",
        Target.CLOUD_KEY, True, _key_action(KeyAction.DELETE), asks_aws=True,
    ),
    Action(
        "cancel_deletion", "Cancel Deletion", "z", "Call the deletion of the key off, while it waits for it.",
        Target.CLOUD_KEY, True, _key_action(KeyAction.CANCEL_DELETION), asks_aws=True, label="Cancel Delete",
    ),
    Action(
        "rotate", "Rotate Now", "t", "Give the key new key material, in place or by a new KMS key.",
        Target.CLOUD_KEY, True, _key_action(KeyAction.ROTATE), asks_aws=True, label="Rotate",
    ),
    Action(
        "enable", "Enable CloudKey", "e", "Let applications use the key again.",
        Target.CLOUD_KEY, True, _key_action(KeyAction.ENABLE), asks_aws=True, label="Enable",
    ),
    Action(
        "disable", "Disable CloudKey", "D", "Keep applications from using the key, until it is enabled.",
        Target.CLOUD_KEY, True, _key_action(KeyAction.DISABLE), asks_aws=True, label="Disable",
    ),
    Action(
        "edit_cloud_key", "Edit CloudKey", "E", "Change description, access, tags and rotation schedule of the key.",
        Target.CLOUD_KEY, True, _key_action(KeyAction.EDIT), asks_aws=True,
    ),
    Action(
        "change_expiration", "Change Expiration", "", "Let AWS delete the key material on another day, or never.",
        Target.CLOUD_KEY, True, _key_action(KeyAction.CHANGE_EXPIRATION), asks_aws=True,
    ),
    Action(
        "edit_account", "Edit CSP Account", "", "Change credential, region, endpoint or schedule.",
        Target.CSP_ACCOUNT, True, _account_is_idle, unlocked=True,
    ),
    Action(
        "rotate_credentials", "Rotate Credentials", "", "Make a new access key, and delete the old one.",
        Target.CSP_ACCOUNT, True, _has_access_key, asks_aws=True,
    ),
    Action(
        "remove_account", "Remove CSP Account", "", "Remove a CSP Account that no Key Set uses.",
        Target.CSP_ACCOUNT, True, _needs_no_key_sets, unlocked=True,
    ),
    Action(
        "test_account", "Test CSP Account", "T", "Ask AWS who the credentials are and what they may do.",
        Target.CSP_ACCOUNT, False, unlocked=True, label="Test",
    ),
    Action("describe", "Describe", "enter,d", "Show everything known of the row.", Target.ROW, label="Describe"),
    Action("view_json", "View JSON", "v", "Show the row as a JSON document.", Target.ROW),
    Action(
        "copy_id", "Copy id", "y", "Send the row's id to the terminal's clipboard.", Target.ROW,
        availability=_has_id, label="Copy id",
    ),
    Action(
        "copy_arn", "Copy ARN", "Y", "Send the row's ARN to the terminal's clipboard.", Target.ROW,
        availability=_has_arn,
    ),
    Action("filter", "Filter", "slash", "Show only the rows with a text in them; Esc clears.", label="Filter"),
    Action(
        "filter_by", "Filter by", "F", "Show the entries of a type, category, user, object or time range.",
        availability=_on_audit_log, label="Filter by",
    ),
    Action("sort", "Sort", "s", "Choose the column to sort by; the same one again reverses."),
    Action(
        "key_set", "Choose Key Set", "K", "Show the CloudKeys of one Key Set, or of all.",
        availability=_on_cloud_keys,
    ),
    Action(
        "region", "Choose Region", "R", "Show the CloudKeys of one region, or of all.",
        availability=_on_cloud_keys,
    ),
    Action("details_next", "Next details", "right_square_bracket,right", "Turn the details' page.", menu=False),
    Action(
        "details_previous", "Previous details", "left_square_bracket,left", "Turn the details' page back.",
        menu=False,
    ),
    Action(
        "refresh", "Refresh", "r", "Ask AWS for the present status of every CloudKey.", mutates=True,
        unlocked=True, availability=_needs_idle, label="Refresh",
    ),
    Action(
        "stop_refresh", "Stop Refresh", "", "Ask AWS for no further key (Esc does so too); what was seen stays.",
        availability=_needs_refresh,
    ),
    Action(
        "recover", "Recover", "", "Finish or undo the operations that were left half-way.", mutates=True,
        unlocked=True, availability=_needs_open_operation,
    ),
    Action("verify_audit", "Verify Audit Log", "", "Check the chain of the audit log from its first entry."),
    Action(
        "export_audit", "Export Audit Log", "w", "Write what the filter leaves to a file, as CSV or JSON Lines.",
        availability=_on_audit_log, label="Export",
    ),
    Action("lock", "Lock or Unlock", "L", "Forget the keys of the vault, or open it with the passphrase."),
    _tab(1, Tab.KEY_SETS),
    _tab(2, Tab.CLOUD_KEYS),
    _tab(3, Tab.CSP_ACCOUNTS),
    _tab(4, Tab.AUDIT),
    Action("palette", "Command palette", "colon,ctrl+p", "Find an action by typing.", menu=False),
    Action("help", "Help", "question_mark,f1", "Show the keys and what they do.", label="Help"),
    Action("quit", "Quit", "q", "Leave kctui; the vault is locked.", label="Quit"),
)  # fmt: skip

ACTIONS: Mapping[str, Action] = {action.name: action for action in _ALL}
TABS = (Tab.KEY_SETS, Tab.CLOUD_KEYS, Tab.CSP_ACCOUNTS, Tab.AUDIT)
# These work before the home is open, and must whatever happens.
ALWAYS = frozenset({"help", "quit", "palette", "menu"})


def reason_against(name: str, state: ConsoleState) -> str | None:
    """None when the action of that name is possible in this state; else why it is not."""
    return None if name in ALWAYS else ACTIONS[name].why_unavailable(state)


_KEY_WORDS = {
    "slash": "/", "colon": ":", "question_mark": "?", "enter": "Enter", "left_square_bracket": "[",
    "right_square_bracket": "]", "left": "←", "right": "→", "f1": "F1", "escape": "Esc", "space": "Space",
}  # fmt: skip


def key_words(keys: str) -> list[str]:
    """Give the keys as a person reads them: `slash,ctrl+p` is `/` and `^p`."""
    return [_KEY_WORDS.get(key, key.replace("ctrl+", "^")) for key in keys.split(",") if key]


def keymap(overrides: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Give every action's keys with the user's own in their place, and what is wrong with those."""
    keys = {name: overrides.get(name) or action.key for name, action in ACTIONS.items()}
    wrong = [f"there is no action {name}" for name in sorted(set(overrides) - set(ACTIONS))]
    taken: dict[str, str] = {}
    for name, several in keys.items():
        for key in filter(None, several.split(",")):
            if key in taken:
                wrong.append(f"{key} is the key of {taken[key]} and of {name}")
            taken[key] = name
    return keys, wrong
