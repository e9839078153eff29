"""The kinds of phones we write files for: what files they ask for, and where their owners put our address."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAC = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True)
class Vendor:
    """account: the file with the password; companion: one that only points to it. {mac} stands for 12 hex digits.
    url: what is typed into the phone; `where`: in which field. mac_needed: the phone cannot fill it in itself."""

    vendor: str
    title: str
    account: str
    template: str
    media_type: str
    url: str
    where: str
    companion: str = ""
    companion_template: str = ""

    def is_account(self, name: str, mac: str) -> bool:
        """Whether a file of this name is the one with the password; mac "": of any phone."""
        return _matches(self.account, name, mac)

    def is_companion(self, name: str, mac: str) -> bool:
        """Whether it is the one that points to it."""
        return bool(self.companion) and _matches(self.companion, name, mac)


def _matches(pattern: str, name: str, mac: str) -> bool:
    spelled = re.escape(pattern).replace(r"\{mac\}", re.escape(mac) if mac else MAC.pattern)
    return re.fullmatch(spelled, name.lower()) is not None


XML = "application/xml; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
VENDORS = {
    v.vendor: v
    for v in (
        Vendor(
            "yealink", "Yealink", "{mac}.cfg", "yealink.cfg", TEXT, "{base}/", "Settings > Auto Provision > Server URL"
        ),
        Vendor(
            "grandstream",
            "Grandstream",
            "cfg{mac}.xml",
            "grandstream.xml",
            XML,
            "{bare}",
            "Maintenance > Upgrade and Provisioning > Config Server Path, with HTTPS",
        ),
        Vendor(
            "snom",
            "Snom",
            "snom-{mac}.xml",
            "snom.xml",
            XML,
            "{base}/snom-{{mac}}.xml",
            "Setup > Advanced > Update > Setting URL",
        ),
        Vendor(
            "cisco", "Cisco SPA", "spa{mac}.xml", "cisco.xml", XML, "{base}/spa$MA.xml", "Provisioning > Profile Rule"
        ),
        Vendor(
            "fanvil",
            "Fanvil",
            "{mac}.cfg",
            "fanvil.xml",
            XML,
            "{base}/",
            "System > Auto Provision > Static Provisioning Server",
        ),
        Vendor(
            "polycom",
            "Polycom",
            "callbench-{mac}.cfg",
            "polycom.xml",
            XML,
            "{base}/",
            "Provisioning Server > Server Address, type HTTPS",
            companion="{mac}.cfg",
            companion_template="polycom-master.xml",
        ),
        Vendor(
            "linphone",
            "Linphone",
            "linphone.xml",
            "linphone.xml",
            XML,
            "{base}/linphone.xml",
            "scan the code, or open the link on the phone",
        ),
    )
}


def mac_of(text: str) -> str:
    """A hardware address in any usual spelling as 12 small hex digits; ValueError when it is none."""
    plain = re.sub(r"[:.\-\s]", "", text).lower()
    if not MAC.fullmatch(plain):
        raise ValueError(text)
    return plain
