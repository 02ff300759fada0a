#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The JSON schema accepts every config of the tree, refuses what the program refuses, and knows every key:
`schema.py SCHEMA SCHEMA_PROGRAM PROGRAM ROOT`. 77 without python3-jsonschema and python3-yaml.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

SKIP = 77
TUNNEL = "version: 1\nmode: always\ntunnels:\n  - interface: wg0\n    endpoints: [203.0.113.7:51820/udp]\n"
WHOLE = TUNNEL + """    name: home
    kind: wireguard
    only: { fwmark: 0xca6c/0xffff }
    reconnect: { unit: wg-quick@wg0.service, after: 30s }
  - interface: tun0
    endpoints: [auto, "[2001:db8::7]:51820/udp"]
    follow_roaming: true
    only: { user: 0, group: root }
  - name: office
    ipsec: policy
    endpoints: [198.51.100.9:500/udp, 198.51.100.9/esp]
boot: lock
ipv6: tunnel
dns: { servers: [10.2.0.1] }
lan: { allow: true, networks: [192.168.1.0/24], interfaces: [eth0], dns: true, inbound: false, unsafe: false }
guests: { interfaces: auto, reach: block }
allow:
  outbound: [{ to: 192.0.2.0/24, ports: [443/tcp, 5000-5010/udp], user: root }]
  inbound: [{ from: 198.51.100.0/24, ports: [22/tcp] }]
scope: apps
apps: { users: [daemon], groups: [1], cgroups: [system.slice/a.service] }
raw: block
log: { blocked: true, rate: 5/minute }
ownership: auto
control: { admin_group: "", read: group root }
"""
# Refused by both. One for each place where a key may stand, and for forms that a schema can tell.
WRONG = (
    ("tunels: []\n", "", ""), ("moed: off\n", "", ""), ("", "    nam: a\n", ""), ("", "    only: { fwmrk: 1 }\n", ""),
    ("", "    reconnect: { unit: a.service, afer: 1s }\n", ""), ("lan: { alow: true }\n", "", ""),
    ("dns: { sever: any }\n", "", ""), ("guests: { reach: tunel }\n", "", ""), ("ipv6: blocked\n", "", ""),
    ("allow: { outbound: [{ tp: 192.0.2.1 }] }\n", "", ""), ("allow: { inbound: [{ ports: [22] }] }\n", "", ""),
    ("lan: { allow: maybe }\n", "", ""), ("log: { rate: often }\n", "", ""), ("", "", "203.0.113.7:51820"),
    ("", "", "{ imprt: /etc/wireguard/wg0.conf }"), ("", "    reconnect: { unit: wg-quick@wg0, after: 1s }\n", ""),
    ("boot: later\n", "", ""), ("control: { read: nobody }\n", "", ""),
)


def wrong_config(top, in_tunnel, endpoint):
    tunnel = TUNNEL.replace("203.0.113.7:51820/udp", endpoint) if endpoint else TUNNEL
    return tunnel + in_tunnel + top


def said_by(program, text):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "a.yaml")
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)
        return subprocess.run([program, "check", "--offline", file], capture_output=True, text=True, check=False)


def files_of(root):
    yield from ((str(path), path.read_text(encoding="utf-8"))
                for path in (*(root / "examples").rglob("*.yaml"), root / "etc/killswitchd.yaml", root / "rules/reference.yaml"))
    etc = (root / "etc/killswitchd.yaml").read_text(encoding="utf-8")
    commented = etc.replace("mode: off\n", "").partition("# mode:")
    yield "the comment of etc/killswitchd.yaml", commented[0] + re.sub(r"^# ?", "", commented[1] + commented[2], flags=re.M)
    yield "the whole language", WHOLE


def main():
    try:
        import jsonschema
        import yaml
    except ImportError as error:
        print(error)
        return SKIP
    schema_file, schema_program, program, root = sys.argv[1:]
    schema = json.loads(pathlib.Path(schema_file).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)

    def faults(text):
        return [error.message for error in validator.iter_errors(yaml.safe_load(text))]

    problems = [f"no form is known of the key '{key}'" for key in
                subprocess.run([schema_program, "--unknown"], capture_output=True, text=True, check=True).stdout.split()]
    for name, text in files_of(pathlib.Path(root)):
        problems += [f"{name} is refused by the schema: {fault}" for fault in faults(text)]
        done = said_by(program, text)
        unknown_account = "is not known here" in done.stdout + done.stderr
        if done.returncode != 0 and not unknown_account:
            problems.append(f"{name} is refused by the program: {done.stdout}{done.stderr}")
    for case in WRONG:
        text = wrong_config(*case)
        if not faults(text):
            problems.append(f"the schema accepts {case}")
        if said_by(program, text).returncode != 5:
            problems.append(f"the program accepts {case}")
    print("\n".join(problems) or f"{len(WRONG)} mistakes are refused by both")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
