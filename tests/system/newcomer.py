# SPDX-License-Identifier: BSD-3-Clause
"""The way of the README's "As a service" in a guest, command by command as it stands there, to a
relay that runs and tells metrics. For tests/long/package."""
import pathlib

import guest_plan

TREE = pathlib.Path(__file__).resolve().parents[2]
DONE = ("scripts/package", "apt install", "man ")  # before, or by no machine

# What stands in <...>, and no card: a guest of this test has none.
FILL = """
sed -i -e 's/<id of this node.*/11/' -e 's/<64 hex.*>/'$(cat /var/tmp/authority)/ \\
    -e 's/<how many.*/1/' -e 's/<address:port.*>/192.0.2.11:7000/' -e 's/<PCI.*>.*/net_null0/' \\
    -e 's/<prefix length.*/24/' -e 's/<CPU>/1/' -e 's/<rate>/1000/' /etc/linemix/relay.yaml
"""

# The rest of the network: an authority that lists the relay by what it has published.
NETWORK = guest_plan.SHELL + """
cd /var/tmp && mkdir descriptors && cp /var/lib/linemix/descriptor descriptors/11
for id in 21 31 90; do
    linemix-directory keys identity identity-$id.key >identity-$id
    linemix-directory keys link link-$id.key >link-$id
    linemix-directory keys mix --id $id --epoch 0 keys-$id.json
    linemix-directory descriptor --id $id --identity identity-$id.key --link link-$id.key \\
        --keys keys-$id.json --capacity 10000 --address 192.0.2.$id:7000 --out descriptors/$id
done
plan "$(date -u +%Y-%m-%dT%H:%M:00Z)" 0 >plan.json
linemix-directory build --plan plan.json --out first.json descriptors &&
linemix-directory sign --key authority.key --out topology.json first.json &&
install -D -m 0644 topology.json /var/lib/linemix-agent/topology.json.new &&
mv /var/lib/linemix-agent/topology.json.new /var/lib/linemix-agent/topology.json
"""


def commands():
    """Of the README's block, without what they are for."""
    text = (TREE / "README.md").read_text().split("\n## As a service\n")[1].split("\n## ")[0]
    lines = [line[4:].split("  #")[0].strip() for line in text.splitlines()
             if line.startswith("    ")]
    return [line for line in lines if not line.startswith(DONE)]


def follow(service):
    """`service` is package_guest.Service, with the package installed and not configured."""
    service.run("linemix-directory keys authority /var/tmp/authority.key >/var/tmp/authority")
    service.run("echo 300 >/proc/sys/vm/nr_hugepages")
    for command in commands():
        if command.startswith("scripts/"):  # it says what a guest lacks, and ends with 1
            said = service.machine.run(f"/usr/share/linemix/{command}", ok=False, seconds=300)
            service.expect("programs: linemix-relay is there" in said.stdout, f"README: {command}")
            continue
        if command.startswith("curl "):
            listed(service)
            url = command.split()[1]
            command = ("python3 -c 'import urllib.request as r; "
                       f"print(r.urlopen(\"{url}\").read().decode())'")
        said = service.run(command, seconds=300)
        service.say(f"in the guest: README: {command}")
        if command.startswith("cp "):
            service.run(FILL)
        if command.startswith("linemix-directory keys identity"):
            service.run(f"echo {said} >/var/tmp/identity-11")
    service.expect('linemix_up{relay="relay"} 1' in said, "and it tells metrics")


def listed(service):
    """It waits until an authority has listed it."""
    service.expect("waits to be listed" in service.show("StatusText"), "it waits to be listed")
    service.run("linemix-directory check /var/lib/linemix/descriptor")
    service.run(NETWORK, seconds=300)
    service.machine.wait(
        "systemctl show --property StatusText linemix-relay | grep -q 'next hops'", 300)
    service.machine.wait(
        "journalctl --unit linemix-exporter --output cat | grep -q 'relay answers'", 300)
