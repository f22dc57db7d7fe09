# SPDX-License-Identifier: BSD-3-Clause
"""The package in a guest with systemd: what a service lives through, step by step. For
tests/long/package."""
import json
import pathlib
import shutil

import guest_disk
import guest_image
import guest_plan
import newcomer

TREE = pathlib.Path(__file__).resolve().parents[2]
PACKETS = 50
UNIT = "linemix-relay"
ASIDE = ["e2scrub_reap.service", "e2scrub_all.timer", "apt-daily.timer", "apt-daily-upgrade.timer",
         "fstrim.timer", "systemd-logind.service"]  # what would take the guest's CPUs
AS_EXPORTER = "setpriv --reuid linemix-exporter --regid linemix --clear-groups"
STATS = f"{AS_EXPORTER} env RUNTIME_DIRECTORY=/run/linemix python3 /var/tmp/stats.py"

# A network whose batches stay until a slow guest has upgraded, and a capture that a mix of it takes
# at each start.
NETWORK = """
cd /var/tmp
rm -rf net
linemix-gen network --static-macs --min-batch 1 --interval-us 180000000 --max-wait-us 180000000 \\
    --out net
cat >net/node-1.yaml <<END
node: 1
topology: topology.json
keys: keys-1.json
runtime: none
file_prefix: gen
port: {device: net_null0}
cpus: {workers: [0]}
link: {mode: none}
END
cat net/authorities.yaml >>net/node-1.yaml
linemix-gen make --config net/node-1.yaml --count %d --rate 1000 --out net/in.pcap
install -m 0644 net/topology.json /etc/linemix/topology.json
install -o linemix -g linemix -m 0600 net/keys-11.json /var/lib/linemix/keys.json
install -o linemix -g linemix -m 0600 net/in.pcap /var/lib/linemix/in.pcap
cat >/etc/linemix/relay.yaml <<END
node: 11
topology: /etc/linemix/topology.json
keys: /var/lib/linemix/keys.json
state: /var/lib/linemix
runtime: /dev/shm/linemix
file_prefix: linemix
port:
  device: net_pcap0,rx_pcap=/var/lib/linemix/in.pcap,tx_pcap=/var/lib/linemix/out.pcap
  tap: linemix0
cpus: {workers: [0], mixer: 0, idle: yield}
link: {mode: none}
telemetry: {group: linemix}
memory: {megabytes: 192}
limits: {held: 4096, ring: 256, replay: 65536}
END
cat net/authorities.yaml >>/etc/linemix/relay.yaml
""" % PACKETS

# An authority beside the relay, with a plan of its own; etcd does not answer.
AUTHORITY = guest_plan.SHELL + """
cd /var/tmp/net
for id in 11 21 31 90; do linemix-directory keys identity plan-$id.key >identity-$id; done
plan "$(date -u +%Y-%m-%dT%H:00:00Z)" 100000 >/etc/linemix/plan.json
install -m 0644 authorities.yaml /etc/linemix/authorities.yaml
install -o linemix-signer -m 0600 authority-1.key /etc/linemix/authority.key
cat >/etc/linemix/agent.yaml <<END
endpoints: ["http://127.0.0.1:2379"]
topology: /var/lib/linemix-agent/topology.json
authority:
  key: $(sed -n 's/^- //p' authorities.yaml)
  signer: /var/lib/linemix-signer
  plan: /etc/linemix/plan.json
END
cat authorities.yaml >>/etc/linemix/agent.yaml
"""


class Service:
    """linemix-relay.service in the guest."""

    def __init__(self, machine, say):
        self.machine, self.say = machine, say

    def run(self, command, **options):
        return self.machine.run(command, **options).stdout.strip()

    def show(self, name):
        return self.run(f"systemctl show --value --property {name} {UNIT}")

    def said(self, text, least=1, seconds=300):
        """Waits until the service has said this so many times."""
        self.machine.wait(f"[ $(journalctl --unit {UNIT} --output cat | grep -c '{text}') "
                          f"-ge {least} ]", seconds)

    def stats(self):
        return json.loads(self.run(STATS))

    def until(self, seconds=300, **wanted):
        """Waits until telemetry says this."""
        says = " and ".join(f"stats[\"{name}\"] == {value}" for name, value in wanted.items())
        self.machine.wait(f"{STATS} '{says}'", seconds)

    def expect(self, holds, what):
        if not holds:
            log = self.run(f"journalctl --unit {UNIT} --output cat | tail -n 40", ok=False)
            raise guest_image.GuestError(f"{what}\n{log}")
        self.say(f"in the guest: {what}")

    # ---- What it lives through ----

    def install(self, package):
        self.run(f"dpkg --install /var/tmp/{package.name}", seconds=900)
        self.expect(self.run(f"systemctl is-enabled {UNIT}") == "enabled", "it is enabled")
        self.expect(self.show("ActiveState") == "inactive", "and waits for its configuration")

    def begin_anew(self):
        """Leaves the network of before, with its huge pages, for NETWORK."""
        self.run(f"systemctl stop {UNIT}; rm -rf /dev/shm/linemix/* /var/lib/linemix/* "
                 "/var/lib/linemix-agent/*; echo 0 >/proc/sys/vm/nr_hugepages", seconds=300)
        self.run(NETWORK, seconds=600)

    def start(self):
        done = self.machine.run(f"systemctl start {UNIT}", ok=False, seconds=300)
        self.expect(done.returncode == 0, "it starts")
        self.until(held=PACKETS, ready=1)
        self.expect("next hops resolved" in self.show("StatusText"), "is ready and receives")
        level = self.run(f"systemd-analyze security {UNIT} | tail -n 1")
        self.expect(float(level.split()[-3]) <= 2.0, level.strip())
        key = self.run("find /dev/shm/linemix -type f -print -quit")
        denied = self.machine.run(f"{AS_EXPORTER} cat {key} /var/lib/linemix/keys.json", ok=False)
        self.expect(key and denied.stdout == "", "the exporter's user reads totals and no key")

    def watch(self):
        """The exporter began with the package, before there was a relay."""
        ask = ("import urllib.request as r; "
               "print(r.urlopen(\"http://127.0.0.1:9471/%s\").read().decode())")
        self.machine.wait(f"python3 -c '{ask % 'ready'}'", 300)
        sent = f"linemix_packets_sent_total{{relay=\"relay\"}} {PACKETS}"
        self.expect(sent in self.run(f"python3 -c '{ask % 'metrics'}'"),
                    "the exporter tells metrics")
        self.expect("<html" in self.run(f"python3 -c '{ask % ''}'"), "and serves its page")
        said = self.run("journalctl --unit linemix-exporter --output cat")
        self.expect("Failed" not in said, "and has never failed")

    def authority(self):
        """Signer and agent start under their units, and wait for the others."""
        self.run(AUTHORITY, seconds=300)
        units = "linemix-signer linemix-agent"
        self.run(f"systemctl start {units}", seconds=300)
        self.machine.wait("test -d /var/lib/linemix-signer/outbox", 300)
        self.machine.wait("journalctl --unit linemix-agent --output cat | grep -q etcd", 300)
        said = self.run(f"systemctl show --value --property ActiveState,NRestarts {units}").split()
        self.expect(sorted(said) == ["0", "0", "active", "active"], "an authority's services run")
        self.run(f"systemctl stop {units}", seconds=300)

    def reload(self):
        self.run(f"systemctl reload {UNIT}")
        self.said("SIGHUP: epoch")
        self.expect(self.show("ActiveState") == "active", "it reads its configuration again")

    def stop_and_start(self):
        self.run(f"systemctl stop {UNIT}", seconds=300)
        self.expect(self.run("ls /dev/shm/linemix") != "", "a stop leaves keys and what is held")
        self.run(f"systemctl start {UNIT}", seconds=300)
        # the capture comes again, and its packets have been seen
        self.until(taken_over=PACKETS, held=PACKETS, drop_replay=PACKETS)
        self.expect(True, "the next start takes over, and refuses what was seen before")

    def upgrade(self, package):
        before = self.show("MainPID")
        self.run(f"dpkg --unpack /var/tmp/{package.name}", seconds=900)
        self.expect(self.show("MainPID") == before, "it runs on while a new version is unpacked")
        # that may have taken longer than anything is held: with new packets into the rest
        self.begin_anew()
        self.run(f"systemctl start {UNIT}", seconds=300)
        self.until(held=PACKETS, ready=1)
        before = self.show("MainPID")
        self.run("dpkg --configure linemix", seconds=600)
        self.until(taken_over=PACKETS, drop_replay=PACKETS, ready=1)
        self.expect(self.show("MainPID") != before, "an upgrade restarts it")
        self.said(f"handed over {PACKETS} packets", least=2)
        self.said("nothing was received for", least=2)
        self.until(sent=PACKETS, held=0, seconds=900)
        now = self.stats()
        self.expect(now["received"] + now["cover"] + now["taken_over"] ==
                    now["sent"] + now["delivered"] + now["held"] + now["dropped"]
                    + now["drop_cover"] and now["alarm_books"] == 0,
                    f"what was held has left, {now['sent']} packets; the books close; "
                    f"away for {now['away_us'] / 1e6:.1f} s")
        self.expect(self.run(f"systemctl show --value --property Result {UNIT}") == "success",
                    "and no process has failed")

    def kill(self):
        self.run(f"systemctl kill --signal KILL {UNIT}")
        self.machine.wait(f"[ $(systemctl show --value --property NRestarts {UNIT}) = 1 ]", 300)
        self.until(drop_replay=PACKETS, taken_over=0)
        self.expect(True, "after kill -9 it starts by itself, with its keys and replay sets")

    def hang(self):
        self.run(f"systemctl kill --signal STOP {UNIT}")
        self.said("Watchdog timeout", seconds=300)
        self.machine.wait(f"[ $(systemctl show --value --property NRestarts {UNIT}) = 2 ]", 300)
        self.until(drop_replay=PACKETS)
        self.expect(True, "the watchdog ends a relay that hangs")

    def no_huge_pages(self):
        self.run("sed -i 's/^memory: .*/memory: {huge_pages: true}/' /etc/linemix/relay.yaml")
        self.machine.run(f"systemctl restart {UNIT}", ok=False, seconds=300)
        self.said("are huge pages reserved?")
        self.run("echo 200 >/proc/sys/vm/nr_hugepages")
        self.until(drop_replay=PACKETS)
        self.expect(True, "without huge pages it says so, and starts once there are some")

    def go(self):
        self.run("dpkg --remove linemix", seconds=600)
        self.machine.wait("! pgrep -x linemix-relay", 300)
        self.run("dpkg --purge linemix", seconds=600)
        left = self.run("ls -d /dev/shm/linemix /run/linemix /var/lib/linemix* /etc/linemix "
                        "/lib/systemd/system/linemix* /etc/systemd/system/*/linemix* 2>/dev/null",
                        ok=False)
        self.expect(left == "", "a purge ends it and leaves nothing")
        failed = self.run("systemctl list-units --failed --no-legend --plain 'linemix*'")
        self.expect(failed == "", "nor a failed unit")


ASK = """\
import json, sys
import telemetry
stats = telemetry.Telemetry("linemix", timeout=10).stats()
if len(sys.argv) > 1:
	sys.exit(0 if stats and eval(sys.argv[1]) else 1)
print(json.dumps(stats))
"""


def play(folder, base, packages, say):
    """Boots a copy of the Debian with these two packages in it, and goes through all of it."""
    kernel = guest_image.kernel(folder)
    root = folder / "guest"
    shutil.rmtree(root, ignore_errors=True)
    guest_image.output("cp", "--archive", "--reflink=auto", base, root)
    guest_disk.add_modules(root, kernel)
    for package in packages:
        shutil.copy(package, root / "var/tmp")
    shutil.copy(TREE / "scripts/lib/telemetry.py", root / "var/tmp")
    (root / "var/tmp/stats.py").write_text(ASK)
    for unit in ASIDE:
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
    disk = guest_disk.write(folder / "disk", root, megabytes=3072)
    shutil.rmtree(root)
    with guest_disk.boot(kernel, folder, disk, memory_mb=2048) as machine:
        service = Service(machine, say)
        service.install(packages[0])
        newcomer.follow(service)
        service.begin_anew()
        service.start()
        service.reload()
        service.stop_and_start()
        service.upgrade(packages[1])
        service.watch()
        service.authority()
        service.kill()
        service.hang()
        service.no_huge_pages()
        service.go()
    disk.unlink()
