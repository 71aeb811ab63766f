"""The tour: the guide's way from nothing to a key of one's own in KMS, by real commands against AWS in a box."""

import base64

from botocore.exceptions import ClientError

from kctui.demo.walk import ACCOUNT, REGION, Out, TourError, Walk, request, throw_away

KEY_SET = "awsbyokkeyset"
KEY = "AWSCloudKey"
_PLAINTEXT = b"4556 7375 8689 9855"


class _Tour(Walk):
    """The guide's procedures, with one key."""

    def encrypt(self) -> bytes:
        """Use the key as an application would."""
        answer = self.kms.encrypt(KeyId=f"alias/{KEY}", Plaintext=_PLAINTEXT)
        blob: bytes = answer["CiphertextBlob"]
        self.out(f"→ kms:Encrypt   {base64.b64encode(blob).decode()[:44]}…  {request(answer)}")
        return blob

    def decrypt(self, blob: bytes) -> None:
        """Decrypt and compare."""
        answer = self.kms.decrypt(CiphertextBlob=blob)
        if answer["Plaintext"] != _PLAINTEXT:
            raise TourError("the ciphertext decrypts to something else")
        self.out(f"→ kms:Decrypt   the same plaintext again  {request(answer)}")

    def decrypt_is_refused(self, blob: bytes) -> None:
        """Show that the key cannot be used now."""
        try:
            self.kms.decrypt(CiphertextBlob=blob)
        except ClientError as error:
            self.out(f"→ kms:Decrypt   {error.response['Error']['Code']}, as it should be")
            return
        raise TourError("the key can still be used")

    def walk(self) -> None:
        """All of it, in the guide's order."""
        self.title("2.1", "A home with its first operator and Admin Group")
        self.run("init", "--operator", "alice")
        self.title("2.5", "Create an AWS CSP account")
        self.add_account()
        self.run("account", "test", ACCOUNT)
        self.title("2.6", "Create a key set")
        self.run("keyset", "create", KEY_SET, "--account", ACCOUNT, "--description", "Key Set for the aws byok")
        self.title("2.7", "Create a cloud key: its material is made and sealed here, then imported")
        self.run("key", "create", KEY, "--key-set", KEY_SET, "--region", REGION)
        self.out("An application uses it:")
        blob = self.encrypt()
        self.decrypt(blob)
        where = ("--key-set", KEY_SET, "--region", REGION)
        self.title("2.9", "Remove it from the cloud, and upload it again")
        self.run("key", "remove-from-cloud", KEY, *where, "--dry-run")
        self.run("key", "remove-from-cloud", KEY, *where, "--confirm", KEY)
        self.decrypt_is_refused(blob)
        self.run("key", "upload", KEY, *where)
        self.decrypt(blob)
        self.title("2.10", "Delete it: AWS waits for seven days")
        self.run("key", "delete", KEY, *where, "--days", "7", "--confirm", KEY)
        self.decrypt_is_refused(blob)
        self.title("2.11", "Cancel the deletion, and enable the key again")
        self.run("key", "cancel-deletion", KEY, *where)
        self.decrypt_is_refused(blob)
        self.run("key", "enable", KEY, *where)
        self.decrypt(blob)
        self.title("2.12", "Rotate it: in place, then by a new KMS key; what was encrypted before decrypts")
        self.run("key", "rotate", KEY, *where)
        second = self.encrypt()
        self.run("key", "rotate", KEY, *where, "--method", "new-key")
        third = self.encrypt()
        for earlier in (blob, second, third):
            self.decrypt(earlier)
        self.title("", "The material is lost in AWS; our copy brings it back")
        self.kms.delete_imported_key_material(KeyId=self.kms.describe_key(KeyId=f"alias/{KEY}")["KeyMetadata"]["KeyId"])
        self.out("→ kms:DeleteImportedKeyMaterial, by somebody in the AWS console")
        self.run("sync")
        self.decrypt_is_refused(third)
        self.run("key", "upload", KEY, *where)
        self.decrypt(third)
        self.title("", "Everything is in the audit log, and the chain holds")
        self.run("audit", "list")
        self.run("audit", "verify")
        self.title("", "Status, which needs no passphrase")
        del self.environment["KCTUI_PASSPHRASE_FILE"]
        self.run("status")


def run_tour(out: Out) -> int:
    """Walk, and say so when a step fails. The exit code."""
    out("kctui, a tour: a throw-away home, and AWS in a box on this machine. Nothing leaves it.")
    with throw_away() as (folder, box):
        tour = _Tour(out, folder, box)
        try:
            tour.walk()
        except TourError as error:
            out(f"The tour stopped: {error}")
            return 1
        finally:
            tour.close()
    out("")
    out("That was the tour. `kctui demo` on a terminal opens the console with sample data.")
    return 0
