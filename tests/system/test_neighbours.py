# SPDX-License-Identifier: BSD-3-Clause
"""Neighbours in real networks: several addresses, VLANs, routes and neighbours that change while
packets flow, and ways that are too narrow. Relays in namespaces; next hops from their kernels."""
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest

import netns
import network
import tap
import telemetry
from network import Live, Network, counted, stats
from test_namespaces import why_not

CPUS = sorted(os.sched_getaffinity(0))
DEVICE = (f"net_af_packet0,iface={netns.PORT},blocksz=65536,framesz=2048,framecnt=4096,"
          "qdisc_bypass=1")
RATE = 500
TAP = "lm-tap"
SNIFF = pathlib.Path(__file__).with_name("sniff.py")


def link(net, node, to):
    """How a node's relay reaches a neighbour, over telemetry."""
    reader = telemetry.Telemetry(net.prefix(node), timeout=10)
    reader.connect()
    command = f"/linemix/link,{to}"
    reader.socket.send(command.encode())
    answer = json.loads(reader.socket.recv(1 << 16))
    reader.close()
    return answer["/linemix/link"]


class World(unittest.TestCase):
    """A relay, node 11, whose next hop is the generator, node 1, on a bridge."""

    def make(self, *options, addresses=None, nodes=(1, 11), vlans=(0, 0), ipv6=False, links=False):
        """`addresses`: of nodes, by id, in place of the made-up ones; `vlans`: of `nodes`, which
        run."""
        self.early = self.unresolved = 0  # packets sent to warm up; those that did not come back
        self.net = self.enterContext(Network("--layers", len(nodes) - 1, "--interval-us", "2000",
                                             *options))
        for node in self.net.topology["nodes"]:
            del node["mac"]
            if addresses:
                node["addresses"] = [{"ip": ip, "port": port}
                                     for ip, port in addresses[node["id"]]]
        self.net.publish()
        self.hosts = netns.Network(ipv6=ipv6)
        self.addCleanup(self.hosts.close)
        for node, vlan in zip(nodes, vlans):
            self.hosts.add(node)
            path = self.net.config(node, DEVICE, vlan=vlan, links=links,
                                   workers=(CPUS[node % len(CPUS)],))
            # rings with room for seconds: other programs may have the CPU for a while
            path.write_text(path.read_text().replace("port:", f"port:\n  tap: {TAP}")
                            .replace("ring: 256", "ring: 4096"))

    def relay(self, node=11):
        live = Live(self.net.path / f"node-{node}.yaml", inside=self.hosts.nodes[node].inside([]))
        self.addCleanup(live.__exit__)
        live.wait(lambda: stats(self.net, node))
        return live

    def generator(self, count, *options):
        command = self.hosts.nodes[1].inside([
            network.GEN, "run", "--config", self.net.path / "node-1.yaml", "--count", count,
            "--rate", RATE, "--json", *options])
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process

    def warm(self):
        """Sends until packets come back: the relay's kernel has learnt of the generator."""
        for _ in range(20):
            report = self.report(self.generator(5))
            self.early += report["sent"]
            self.unresolved += report["lost"]
            if report["lost"] == 0:
                return
        raise AssertionError("nothing comes back")

    def flows(self, live, sending):
        """Until the relay has sent packets for a second."""
        def so_far():
            if sending.poll() is not None:
                raise AssertionError(f"the generator has ended: {sending.stderr.read()}")
            return stats(self.net, 11).get("sent", 0) > self.early + RATE
        live.wait(so_far, seconds=60)

    @staticmethod
    def report(process):
        output, said = process.communicate(timeout=120)
        if not output:
            raise AssertionError(said)
        return json.loads(output)

    def ip(self, node, *lines):
        """Carries out lines of ip(8) in a node's namespace; the time before that."""
        before = time.monotonic()
        self.hosts.nodes[node].ip(*lines)
        return before

    def wait_tap(self, node, limit=20):
        """Until a node's TAP is up."""
        until = time.monotonic() + limit
        while TAP not in self.hosts.nodes[node].run("ip", "-o", "link", "show", "up"):
            self.assertLess(time.monotonic(), until, "no TAP")
            time.sleep(0.02)

    def books(self, live, count):
        """Stops the relay: it has received so many packets besides those that warmed it up, and
        sent all but what of those came too early; what the other kernels say to nobody in
        particular is foreign. How many came too early."""
        books = live.stop()
        foreign, unresolved = (books["drops"].pop(name) for name in ("foreign", "unresolved"))
        count += self.early
        self.assertTrue(books["closed"])
        self.assertEqual((books["received"] - foreign, books["sent"] + unresolved,
                          sum(books["drops"].values())), (count, count, 0), live.said())
        self.assertLessEqual(unresolved, self.unresolved)
        return unresolved


@unittest.skipIf(why_not(), why_not())
class Addresses(World):
    MANY = {1: [("10.77.0.1", 7001), ("10.78.0.1", 7001), ("fd77::1", 7002)],
            11: [("10.77.0.11", 7011), ("10.78.0.11", 7012), ("fd77::11", 7013)]}

    def test_the_tap_carries_them_and_all_are_taken(self):
        """The generator sends to each of the relay's addresses in turn, by its document alone."""
        self.make(addresses=self.MANY, ipv6=True)
        with self.relay() as live:
            shown = self.hosts.nodes[11].run("ip", "-o", "addr", "show", "dev", TAP)
            for ip, _ in self.MANY[11]:
                self.assertIn(f" {ip}/", shown)
            self.warm()
            for at in range(3):
                order = self.MANY[11][at:] + self.MANY[11][:at]
                self.net.node(11)["addresses"] = [{"ip": ip, "port": port} for ip, port in order]
                self.net.publish()  # the relay itself goes on with what it has
                report = self.report(self.generator(100))
                self.assertEqual((report["received"], report["lost"]), (100, 0), order)
            self.books(live, 300)

    def fails(self, live, stop, go_on):
        """The first address of the next hop stops to work, and works again later: (node, ip(8)'s
        line) each. Seconds until each is followed."""
        self.warm()
        sending = self.generator(30 * RATE)
        self.flows(live, sending)
        self.assertEqual(link(self.net, 11, 1)["address"], 0)
        before = self.ip(*stop)
        live.wait(lambda: "node 1 is sent to at 10.78.0.1:7001 from now on, not at "
                          "10.77.0.1:7001" in live.said())
        away = time.monotonic() - before
        told = link(self.net, 11, 1)
        self.assertEqual((told["address"], told["to"], told["from"]),
                         (1, "10.78.0.1:7001", "10.78.0.11:7012"))
        self.assertEqual(counted(self.net, 11)["links_second_best"], 1)
        before = self.ip(*go_on)
        live.wait(lambda: "node 1 is sent to at 10.77.0.1:7001 from now on" in live.said())
        back = time.monotonic() - before
        self.assertEqual(self.report(sending)["lost"], 0, (stats(self.net, 11), live.said()))
        self.assertEqual(live.said().count("from now on"), 2)
        self.books(live, 30 * RATE)
        return away, back

    def test_without_a_route_the_next_address_is_taken_and_nothing_is_lost(self):
        self.make(addresses=self.MANY, ipv6=True)
        with self.relay() as live:
            away, back = self.fails(live, (11, f"route del 10.77.0.0/24 dev {TAP}"),
                                    (11, f"route add 10.77.0.0/24 dev {TAP} src 10.77.0.11"))
        self.assertGreater(back, 9)  # not at once: it might come and go
        print(f"# a route is deleted: next address {1000 * away:.0f} ms after ip(8) was started; "
              f"back {back:.1f} s after the route is")

    def test_when_the_neighbour_answers_no_more_the_next_address_is_taken(self):
        """The generator's kernel gives its first address up, and takes it again."""
        self.make(addresses=self.MANY, ipv6=True)
        with self.relay() as live:
            away, back = self.fails(live, (1, f"addr del 10.77.0.1/24 dev {TAP}"),
                                    (1, f"addr add 10.77.0.1/24 dev {TAP}"))
        print(f"# a neighbour answers ARP no more: next address after {away:.1f} s; back "
              f"{back:.1f} s after it answers again")


    def test_a_neighbour_that_is_silent_for_a_moment_costs_nothing(self):
        """Its only address: what was known of it is used on, and after ten seconds no longer."""
        self.make()
        with self.relay() as live:
            self.warm()
            sending = self.generator(20 * RATE)
            self.flows(live, sending)
            self.ip(1, f"addr del 10.77.0.1/24 dev {TAP}")
            before = self.ip(11, f"neigh change 10.77.0.1 dev {TAP} nud failed")
            time.sleep(2)
            total = counted(self.net, 11)
            self.assertEqual((total["drop_unresolved"], total["ready"]), (self.unresolved, 1))
            live.wait(lambda: "no way to node 1 any more" in live.said())
            self.assertGreater(time.monotonic() - before, 9)
            self.ip(1, f"addr add 10.77.0.1/24 dev {TAP}")
            report = self.report(sending)
            self.unresolved += report["lost"]
            live.wait(lambda: counted(self.net, 11)["ready"] == 1)
            self.assertGreater(self.books(live, 20 * RATE), 0)
        self.assertGreater(report["lost"], 0)

    def test_where_no_session_comes_about_the_next_address_is_tried(self):
        """Two relays, each of which is told a first port of the other at which it does not
        listen."""
        real = {1: [("10.77.0.1", 7001)], 11: [("10.77.0.11", 7011)], 21: [("10.77.0.21", 7021)]}
        wrong = {11: ("10.77.0.11", 9011), 21: ("10.77.0.21", 9021)}
        self.make(nodes=(1, 11, 21), vlans=(0, 0, 0), links=True, addresses=real)
        relays = {}
        for node, other in ((11, 21), (21, 11)):
            self.net.node(node)["addresses"] = [{"ip": ip, "port": port} for ip, port in real[node]]
            self.net.node(other)["addresses"] = [{"ip": ip, "port": port}
                                                 for ip, port in (wrong[other], *real[other])]
            self.net.publish()
            relays[node] = self.relay(node)
        began = time.monotonic()
        for node, other in ((11, 21), (21, 11)):
            live = relays[node]
            live.wait(lambda: f"node {other} is sent to at 10.77.0.{other}:70{other} from now on, "
                              f"not at 10.77.0.{other}:90{other}" in live.said(), seconds=40)
        after = time.monotonic() - began
        for node, other in ((11, 21), (21, 11)):
            relays[node].wait(lambda: link(self.net, node, other)["session"] == 1)
            self.assertEqual(link(self.net, node, other)["address"], 1)
        self.assertGreater(after, 10)
        print(f"# no session comes about: next address after {after:.1f} s")
        for live in relays.values():
            self.assertTrue(live.stop(signal.SIGTERM)["closed"])


@unittest.skipIf(why_not(), why_not())
class Vlans(World):
    def test_a_vlan_is_sent_and_required(self):
        for subnet in ("10.77.0.0/24", "fd77::/64"):
            with self.subTest(subnet):
                self.make("--subnet", subnet, vlans=(5, 5), ipv6=":" in subnet)
                with self.relay() as live:
                    self.warm()
                    report = self.report(self.generator(100))
                    self.assertEqual((report["received"], report["lost"]), (100, 0))
                    self.books(live, 100)

    def test_another_vlan_does_not_reach_the_relay(self):
        self.make(vlans=(6, 5))
        with self.relay() as live:
            process = self.generator(10)
            _, said = process.communicate(timeout=60)
            self.assertNotEqual(process.returncode, 0)
            self.assertIn("no link-layer address for node 11", said)
            books = live.stop()
            self.assertEqual((books["received"], books["sent"]), (books["drops"]["foreign"], 0))
            self.assertGreater(books["received"], 0)  # the generator's ARP


class Routed(World):
    """The same, with a router between: the relay in 10.77.0.0/24, the generator in 10.79.0.0/24."""
    RELAY, GENERATOR = "10.77.0.11", "10.79.0.1"
    GATEWAYS = ("10.77.0.254", "10.77.0.253")
    BACK = "10.79.0.254"

    def route(self, **options):
        self.make(addresses={1: [(self.GENERATOR, 7000)], 11: [(self.RELAY, 7000)]}, **options)
        self.router = netns.Namespace()
        self.addCleanup(self.router.close)
        for setting in ("all.forwarding=1", "all.rp_filter=0", "default.rp_filter=0",
                        "all.send_redirects=0", "default.send_redirects=0",
                        # each port answers for its own addresses alone
                        "all.arp_ignore=1", "default.arp_ignore=1"):
            self.router.setting(f"ipv4.conf.{setting}")
        for port in ("ra", "rb"):
            self.hosts.hub.ip(
                f"link add hub-{port} type veth peer name {port} netns {self.router.pid}",
                f"link set hub-{port} addrgenmode none master bridge up")
            self.router.ip(f"link set {port} addrgenmode none up")
            self.router.run("ethtool", "-K", port, "tx", "off", "rx", "off", "gro", "off")
            self.router.setting(f"ipv4.conf.{port}.rp_filter=0")
            self.router.setting(f"ipv4.conf.{port}.send_redirects=0")
        self.router.ip(f"addr add {self.GATEWAYS[0]}/24 dev ra",
                       f"addr add {self.GATEWAYS[1]}/24 dev rb",
                       f"addr add {self.BACK}/24 dev ra")

    def routed_relay(self):
        live = self.relay()
        self.ip(11, f"route add 10.79.0.0/24 via {self.GATEWAYS[0]} dev {TAP}")
        return live

    def routed_generator(self, count):
        process = self.generator(count)
        self.wait_tap(1)
        self.ip(1, f"route add 10.77.0.0/24 via {self.BACK} dev {TAP}")
        # the router need not ask: its next hops are not what is looked at
        self.router.ip(f"neigh replace {self.GENERATOR} "
                       f"lladdr {self.mac(self.hosts.nodes[1], TAP)} nud permanent dev ra")
        return process

    @staticmethod
    def mac(space, port):
        return json.loads(space.run("ip", "-j", "link", "show", "dev", port))[0]["address"]

    def send(self, port, frame):
        """Sends a frame from a port of the router."""
        self.router.run(sys.executable, "-c", "import socket; s = socket.socket(socket.AF_PACKET, "
                        f"socket.SOCK_RAW); s.bind(('{port}', 0)); "
                        f"s.send(bytes.fromhex('{frame.hex()}'))")

    def sniff(self):
        process = self.router.start([sys.executable, SNIFF, 7000], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def seen(self, process):
        """[(time, MAC)] of frames from the relay that reached the router."""
        output, _ = process.communicate("", timeout=30)
        rows = [line.split() for line in output.splitlines()]
        return [(float(at), mac) for at, _, mac, source, _ in rows if source == self.RELAY]


@unittest.skipIf(why_not(), why_not())
class Follows(Routed):
    """What the kernel's tables say is sent to within milliseconds, and nothing is lost."""

    def first(self, seen, mac, after):
        return next(at for at, to in seen if to == mac and at >= after)

    def test_a_gateway_and_its_mac_change_while_packets_flow(self):
        self.route()
        with self.routed_relay() as live:
            a, b = (self.mac(self.router, port) for port in ("ra", "rb"))
            sending = self.routed_generator(12 * RATE)
            self.flows(live, sending)
            sniffing = self.sniff()
            changes = []

            def change(name, to, do):
                time.sleep(1)
                changes.append((name, to, do()))

            def route(gateway):
                return self.ip(11, f"route replace 10.79.0.0/24 via {gateway} dev {TAP}")

            change("gateway of a route, not known yet", b, lambda: route(self.GATEWAYS[1]))
            change("gateway of a route, known", a, lambda: route(self.GATEWAYS[0]))
            change("MAC of a neighbour, set", b, lambda: self.ip(
                11, f"neigh replace {self.GATEWAYS[0]} lladdr {b} nud permanent dev {TAP}"))
            change("entry of a neighbour, deleted", a, lambda: self.ip(
                11, f"neigh del {self.GATEWAYS[0]} dev {TAP}"))
            change("MAC of a neighbour, announced", b, self.move)
            time.sleep(1)
            seen = self.seen(sniffing)
            report = self.report(sending)
            self.assertEqual(report["lost"], 0)
            self.books(live, 12 * RATE)
        for name, to, when in changes:
            after = self.first(seen, to, when) - when
            print(f"# {name}: sent there {1000 * after:.1f} ms after the command was started")
            self.assertLess(after, 0.5, name)

    def move(self):
        """The router's address goes to its other port, which announces it by a gratuitous ARP."""
        gateway, mac = socket.inet_aton(self.GATEWAYS[0]), self.mac(self.router, "rb")
        mac = bytes.fromhex(mac.replace(":", ""))
        self.router.ip(f"addr del {self.GATEWAYS[0]}/24 dev ra",
                       f"addr add {self.GATEWAYS[0]}/24 dev rb")
        before = time.monotonic()
        self.send("rb", b"\xff" * 6 + mac + b"\x08\x06"
                  + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + gateway + bytes(6) + gateway)
        return before

    def test_while_there_is_no_route_packets_are_dropped_by_name_and_no_others(self):
        self.route()
        with self.routed_relay() as live:
            sending = self.routed_generator(8 * RATE)
            self.flows(live, sending)
            before = self.ip(11, f"route del 10.79.0.0/24 dev {TAP}")
            live.wait(lambda: "no way to node 1 any more" in live.said())
            gone = time.monotonic() - before
            time.sleep(1)
            sniffing = self.sniff()
            time.sleep(0.2)
            before = self.ip(11, f"route add 10.79.0.0/24 via {self.GATEWAYS[0]} dev {TAP}")
            time.sleep(1)
            seen = self.seen(sniffing)
            report = self.report(sending)
            total = counted(self.net, 11)
            books = live.stop()
        back = seen[0][0] - before
        dropped = books["drops"]["unresolved"]
        print(f"# a route is deleted: dropped {1000 * gone:.1f} ms after ip(8) was started; is "
              f"added: sent {1000 * back:.1f} ms after it")
        self.assertGreater(back, 0)  # nothing was sent in between
        self.assertLess(back, 0.5)
        self.assertGreater(dropped, RATE)
        self.assertEqual((report["lost"], books["closed"]), (dropped, True),
                         (report, total))
        self.assertEqual(sum(books["drops"].values()), dropped)


@unittest.skipIf(why_not(), why_not())
class Mtu(Routed):
    NEEDS = 1376  # small packets over IPv4, without sessions
    ALARM = "the link to node 1 (10.79.0.1:7000) needs an MTU of {}, and the way there has {} "

    def alarm(self, live, mtu, needs=NEEDS):
        live.wait(lambda: self.ALARM.format(needs, mtu) in live.said())
        told, total = link(self.net, 11, 1), counted(self.net, 11)
        self.assertEqual((told["mtu"], told["mtu_needed"], told["low_mtu"]), (mtu, needs, 1))
        self.assertEqual(total["links_low_mtu"], 1)
        return total["alarm_low_mtu"]

    def test_a_narrow_link_in_the_middle_raises_the_alarm(self):
        self.route()
        self.router.ip(f"route change 10.79.0.0/24 dev ra src {self.BACK} mtu lock 1300")
        with self.routed_relay() as live:
            sending = self.routed_generator(4 * RATE)
            self.assertEqual(self.alarm(live, 1300), 1)
            self.assertIn("raise the MTU of every interface and tunnel on the way", live.said())
            # nothing has become smaller: all packets were sent, and lost on the way
            self.assertEqual(self.report(sending)["lost"], 4 * RATE)
            self.books(live, 4 * RATE)
            self.assertEqual(live.said().count("needs an MTU"), 1)

    def test_a_forged_word_raises_the_alarm_and_does_nothing_else(self):
        self.route()
        with self.routed_relay() as live:
            sending = self.routed_generator(6 * RATE)
            self.flows(live, sending)
            self.forge(600)
            self.assertEqual(self.alarm(live, 600), 1)
            for mtu in range(601, 700):
                self.forge(mtu)
            self.assertEqual(self.report(sending)["lost"], 0)
            self.books(live, 6 * RATE)
            self.assertEqual(live.said().count("needs an MTU"), 1)  # one line, whoever says what

    def forge(self, mtu):
        """ICMP "fragmentation needed" from nowhere, about UDP from the relay to the generator."""
        def words(data):
            total = sum(struct.unpack(f"!{len(data) // 2}H", data))
            total = (total & 0xffff) + (total >> 16)
            return ~(total + (total >> 16)) & 0xffff

        def header(source, destination, protocol, length):
            data = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 0, 0, 64, protocol, 0,
                               socket.inet_aton(source), socket.inet_aton(destination))
            return data[:10] + struct.pack("!H", words(data)) + data[12:]

        inner = (header(self.RELAY, self.GENERATOR, 17, 1356) +
                 struct.pack("!HHHH", 7000, 7000, 1356, 0))
        icmp = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + inner
        icmp = icmp[:2] + struct.pack("!H", words(icmp)) + icmp[4:]
        mac = self.mac(self.hosts.nodes[11], TAP)
        frame = (bytes.fromhex(mac.replace(":", "")) + bytes.fromhex("020000000099") + b"\x08\x00" +
                 header("198.51.100.7", self.RELAY, 1, len(icmp)) + icmp)
        self.send("ra", frame)

    def test_routes_and_the_port_itself_are_looked_at(self):
        """An MTU that the operator gives a route; and the port's own, when it changes."""
        self.route()
        with self.routed_relay() as live:
            sending = self.routed_generator(50)
            self.report(sending)
            self.ip(11, f"route replace 10.79.0.0/24 via {self.GATEWAYS[0]} dev {TAP} mtu 1375")
            self.assertEqual(self.alarm(live, 1375), 1)
            self.ip(11, f"route replace 10.79.0.0/24 via {self.GATEWAYS[0]} dev {TAP} mtu 1376")
            live.wait(lambda: "large enough again" in live.said())
            self.assertEqual(counted(self.net, 11)["links_low_mtu"], 0)
            self.ip(11, f"route replace 10.79.0.0/24 via {self.GATEWAYS[0]} dev {TAP}")
            self.ip(11, f"link set {netns.PORT} mtu 1300")
            self.assertEqual(self.alarm(live, 1300), 2)
            self.books(live, 50)

    def test_ipv6_and_links_need_more(self):
        """84 bytes more than a packet; the router's word comes as ICMPv6."""
        self.make("--subnet", "fd77::/64", links=True, ipv6=True)
        with self.relay() as live:
            self.report(self.generator(50))
            told = link(self.net, 11, 1)
            self.assertEqual((told["mtu"], told["mtu_needed"], told["low_mtu"]), (1500, 1432, 0))
            self.ip(11, f"link set {netns.PORT} mtu 1431")
            live.wait(lambda: "the link to node 1 ([fd77::1]:7000) needs an MTU of 1432, and the "
                              "way there has 1431 " in live.said())
            self.assertTrue(live.stop(signal.SIGTERM)["closed"])

    def test_check_config_says_what_is_needed_and_refuses_a_small_port(self):
        self.make("--subnet", "10.77.0.0/24", vlans=(0, 5), links=True)
        command = self.hosts.nodes[11].inside([network.RELAY, "--config",
                                               self.net.path / "node-11.yaml", "--check-config"])
        said = network.run(*command).stdout
        self.assertIn("packets need an MTU of 1412 over IPv4, 1432 over IPv6", said)
        self.assertIn("port: 10.77.0.11:7000, VLAN 5\n", said)
        self.assertIn("port: an MTU of 1500 now\n", said)
        self.ip(11, f"link set {netns.PORT} mtu 1431")
        done = network.run(*command, ok=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"an MTU of 1432 is needed, {netns.PORT} has 1431; do: ip link set "
                      f"{netns.PORT} mtu 1432", done.stderr)


@unittest.skipIf(why_not(), why_not())
class Hardware(World):
    WORDS = "no port.hardware_filter: the NIC takes no such rules"

    def test_a_driver_that_cannot_is_said_once_and_the_relay_goes_on(self):
        self.make()
        with self.relay() as live:
            self.warm()
            self.assertEqual(self.report(self.generator(50))["lost"], 0)
            self.assertEqual(counted(self.net, 11)["filter_rules"], 0)
            self.books(live, 50)
            self.assertEqual(live.said().count(self.WORDS), 1, live.said())

    def reconfigure(self, more, port):
        path = self.net.path / "node-11.yaml"
        text = path.read_text()
        for line in port:
            text = text.replace("port:", f"port:\n  {line}", 1)
        path.write_text(text + "\n".join(more) + "\n")

    def test_a_driver_whose_kernel_decides(self):
        """net_tap makes rules of the kernel's traffic control, where that has what it takes."""
        for sandbox in ("true", "false"):
            with self.subTest(sandbox):
                self.make("--static-macs")
                path = self.net.path / "node-11.yaml"
                path.write_text(path.read_text().replace(DEVICE, "net_tap0,iface=lm-dpdk"))
                self.reconfigure((f"sandbox: {sandbox}",), ())
                with self.relay() as live:
                    rules = counted(self.net, 11)["filter_rules"]
                    said = live.said()
                    self.assertTrue(live.stop()["closed"])
                if sandbox == "true":
                    self.assertEqual(rules, 0)
                    self.assertIn("which the sandbox forbids", said)
                elif rules == 0:  # a kernel without flower and multiq: it takes none
                    self.assertEqual(said.count(self.WORDS), 1, said)
                else:
                    self.assertIn("port.hardware_filter: 2 rules", said)

    def test_off_is_off_and_a_gateway_takes_anybody(self):
        self.make()
        self.reconfigure((), ("hardware_filter: off",))
        with self.relay() as live:
            self.warm()
            self.assertEqual(self.report(self.generator(50))["lost"], 0)
            self.books(live, 50)
            self.assertNotIn("hardware_filter", live.said())

    def test_another_word_than_auto_or_off_is_refused(self):
        self.make()
        self.reconfigure((), ("hardware_filter: on",))
        done = network.run(network.RELAY, "--config", self.net.path / "node-11.yaml",
                           "--check-config", ok=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("auto", done.stderr)


if __name__ == "__main__":
    tap.main()
