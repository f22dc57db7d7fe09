# SPDX-License-Identifier: BSD-3-Clause
"""How each case of this project is made. A recipe writes what is given of its case into a folder,
from the case's name alone; what is expected comes from the relay, judged by lib/packet."""
import random

import hostile
from world import World

RECIPES = {}
MIXING = {
    "batch": ("--interval-us", 10000),
    "pool": ("--strategy", "pool", "--interval-us", 5000, "--threshold", 8, "--flush-ppm", 200000),
    "poisson": ("--strategy", "poisson", "--mean-delay-us", 20000),
}
SUBNETS = {"ipv4": ("--subnet", "10.77.0.0/24"), "ipv6": ("--subnet", "fd77::/64")}
SHAPE = ("--layers", 2, "--per-layer", 3)
MS = 1000000  # nanoseconds


def recipe(name, judged=True):
    """Registers a function of (folder for its network, folder of the case). Not `judged`: what
    leaves is also the relay's chance, or sealed, so lib/packet alone cannot say what it must be."""
    def register(function):
        RECIPES[name] = (function, judged)
        return function
    return register


def among(good, bad):
    """Bad frames among good ones: each of these comes behind its share, at the same time."""
    bad, mixed = list(bad), []
    share = -(-len(bad) // len(good))
    for i, (time_ns, frame) in enumerate(good):
        mixed += [(time_ns, other) for other in bad[i * share:][:share]]
        mixed.append((time_ns, frame))
    return mixed


def plain(strategy, profile, family, vlan):
    """A case of good packets alone."""
    name = f"{strategy}-profile-{profile}-{family}" + (f"-vlan-{vlan}" if vlan else "")

    @recipe(name)
    def make(tmp, folder):
        world = World(tmp, name, *SHAPE, *SUBNETS[family], "--profile", profile, *MIXING[strategy])
        count = 24 if profile == 0 else 5
        world.put(folder, f"{strategy}, profile {profile}, over {family}"
                  + (f", VLAN {vlan}" if vlan else ""), 11,
                  world.packets(11, count, vlan=vlan), vlan=vlan)


for number, strategy in enumerate(MIXING):
    for profile in (0, 1):
        for family in SUBNETS:
            plain(strategy, profile, family, 100 * ((number + profile + (family == "ipv6")) % 2))


def attacked(name, about, variants, count=10, options=SUBNETS["ipv4"]):
    """A case of bad frames, made from other packets, among good ones."""
    @recipe(name)
    def make(tmp, folder):
        world = World(tmp, name, *SHAPE, *options, *MIXING["batch"])
        good = world.packets(11, count)
        victims = [frame for _, frame in world.packets(11, 4, what="victims")]
        world.put(folder, about, 11, among(good, variants(victims)))


def linked(strategy, profile, family, vlan, workers):
    """The same on links with sessions. What leaves is sealed, so lib/packet cannot open it."""
    name = f"link-{strategy}-profile-{profile}-{family}" + (f"-vlan-{vlan}" if vlan else "")

    @recipe(name, judged=False)
    def make(tmp, folder):
        world = World(tmp, name, *SHAPE, *SUBNETS[family], "--profile", profile, *MIXING[strategy])
        world.put(folder, f"links with sessions; {strategy}, profile {profile}, over {family}, "
                  f"workers: {workers}", 11,
                  world.packets(11, 16 if profile == 0 else 4, vlan=vlan), vlan=vlan,
                  workers=workers, link="noise")


for strategy in MIXING:
    for profile in (0, 1):
        for family in SUBNETS:
            linked(strategy, profile, family,
                   100 if (strategy, profile, family) in (("pool", 1, "ipv6"), ("batch", 1, "ipv4"),
                                                          ("poisson", 1, "ipv4")) else 0,
                   2 if strategy == "poisson" and profile == 0 else 1)


@recipe("link-padding", judged=False)
def padding(tmp, folder):
    world = World(tmp, "link-padding", *SHAPE, *MIXING["poisson"], "--link-interval-us", 4000)
    world.put(folder, "links that pad: a frame on each in every 4 ms, a packet's or a dummy, two "
              "workers", 11, world.packets(11, 16), workers=2, link="noise")


@recipe("link-hostile", judged=False)
def link_hostile(tmp, folder):
    world = World(tmp, "link-hostile", *SHAPE, *MIXING["batch"])
    rng = random.Random(world.seed("noise"))
    victim = world.packets(11, 1, what="victims")[0][1]
    good = world.packets(11, 8)
    world.put(folder, "link frames of nobody's among those of sessions; copies of packets", 11,
              among(good, hostile.link_frames(victim, rng)) + good, link="noise")


attacked("hostile-ethernet", "runts, foreign addresses, unknown types, broken VLAN tags, ARP",
         lambda victims: hostile.ethernet(victims[0]))
attacked("hostile-ipv4", "every field of the IPv4 header wrong, one by one",
         lambda victims: hostile.ipv4(victims[0]))
attacked("hostile-ipv6", "every field of the IPv6 header wrong, and extension headers",
         lambda victims: hostile.ipv6(victims[0]), options=SUBNETS["ipv6"])
attacked("hostile-udp-ipv4", "lengths, ports and checksums of UDP over IPv4",
         lambda victims: hostile.udp(victims[0]))
attacked("hostile-udp-ipv6", "lengths, ports and checksums of UDP over IPv6",
         lambda victims: hostile.udp(victims[0]), options=SUBNETS["ipv6"])
attacked("hostile-fragments-ipv4", "IPv4 fragments, whole and overlapping",
         lambda victims: hostile.fragments(victims[0]))
attacked("hostile-fragments-ipv6", "IPv6 fragments, whole and overlapping",
         lambda victims: hostile.fragments(victims[0]), options=SUBNETS["ipv6"])
attacked("hostile-truncated", "a frame cut at every byte of its headers, and packets cut short",
         lambda victims: hostile.truncated(victims[0]))
attacked("hostile-format", "wrong lengths, versions, profiles and reserved bytes of the packet",
         lambda victims: hostile.packet_format(victims[0]))
attacked("hostile-epochs", "kids of epochs without a key, and of other keys",
         lambda victims: hostile.epochs(victims[0]))
attacked("hostile-points", "ephemeral keys that are not canonical or of small order",
         lambda victims: hostile.points(victims[0]))
attacked("hostile-tags", "single bits changed under the tag, in it, and in the payload",
         lambda victims: hostile.tags(victims[0]))


@recipe("hostile-flood")
def flood(tmp, folder):
    world = World(tmp, "hostile-flood", *SHAPE, *MIXING["batch"])
    good = world.packets(11, 16)
    rng = random.Random(world.seed("noise"))
    noise = hostile.garbage(world.packets(11, 1, what="victims")[0][1], rng, 1600)
    world.put(folder, "bursts of a hundred frames of noise before every packet, two workers", 11,
              among(good, noise), workers=2)


@recipe("hostile-full-mixer", judged=False)
def full_mixer(tmp, folder):
    world = World(tmp, "hostile-full-mixer", *SHAPE, *MIXING["batch"])
    world.put(folder, "more packets in an interval than the mixer may hold: a random choice stays",
              11, world.packets(11, 40, rate=4000), held=12)


@recipe("hostile-full-set", judged=False)
def full_set(tmp, folder):
    world = World(tmp, "hostile-full-set", *SHAPE, *MIXING["batch"])
    world.put(folder, "more packets than the replay set of a key takes", 11,
              world.packets(11, 30), replay=8)


@recipe("hostile-replays")
def replays(tmp, folder):
    world = World(tmp, "hostile-replays", *SHAPE, *MIXING["batch"])
    good = world.packets(11, 8)
    again = [(time_ns, frame.set_ip(12, bytes([10, 77, 0, 99])).seal()) for time_ns, frame in good]
    later = [(time_ns + 500 * MS, frame) for time_ns, frame in good]
    world.put(folder, "copies in the same burst, from another address, and much later; two workers",
              11, [copy for pair in zip(good, good, again) for copy in pair] + later, workers=2)


@recipe("hostile-clock")
def clock(tmp, folder):
    world = World(tmp, "hostile-clock", *SHAPE, *MIXING["poisson"])
    good = world.packets(11, 12)
    shifts = (0, 0, -3600000 * MS, 0, 0, 3600000 * MS, -1, 0, 10**9 * MS, 0, 0, 0)
    world.put(folder, "times that run back, jump ahead, and stand still", 11,
              [(max(time_ns + shift, 0), frame) for (time_ns, frame), shift in zip(good, shifts)])


@recipe("cover", judged=False)
def cover(tmp, folder):
    world = World(tmp, "cover", *SHAPE, "--gateways", 1, *MIXING["poisson"], "--loop-interval-us",
                  5000, "--drop-interval-us", 5000)
    world.put(folder, "loops and drop packets of the relay's own among others", 11,
              world.packets(11, 12))


@recipe("empty")
def empty(tmp, folder):
    World(tmp, "empty", *SHAPE, *MIXING["batch"]).put(folder, "no frame at all", 11, [])


@recipe("workers-3")
def workers(tmp, folder):
    world = World(tmp, "workers-3", *SHAPE, *MIXING["batch"])
    world.put(folder, "three workers, which get frames in turn", 11, world.packets(11, 32),
              workers=3)


@recipe("gateway")
def gateway(tmp, folder):
    world = World(tmp, "gateway", "--layers", 1, "--per-layer", 1, "--gateways", 1,
                  *MIXING["batch"])
    dest = world.seed("dest")
    ends = world.relayed(11, world.packets(11, 24, "--to", 2, "--dest", dest, "--cmds",
                                           "exit,mbox,drop"))
    lost = world.relayed(11, world.packets(11, 4, "--to", 2, "--cmds", "exit", what="lost"))
    damaged = [(time_ns, frame.seal(frame.payload[:-1] + bytes([frame.payload[-1] ^ 1])))
               for time_ns, frame in world.relayed(11, world.packets(
                   11, 4, "--to", 2, "--dest", dest, "--cmds", "exit", what="damaged"))]
    ether, ip = ends[0][1].ether, ends[0][1].ip[16:20]
    clients = [(time_ns, frame.copy(ether=ether).set_ip(16, ip).seal(
        (11, 11, 77, 2)[i % 4].to_bytes(4, "little") + frame.payload))
        for i, (time_ns, frame) in enumerate(world.packets(11, 12, what="clients"))]
    services = (f"services: [{{dest: \"{dest}\", address: 127.0.0.1:9}}]\n"
                "mailboxes: \"127.0.0.1:10\"\n")
    frames = sorted(ends + lost + damaged + clients, key=lambda frame: frame[0])
    world.put(folder, "clients' packets, exits, mailboxes, cover; unknown services and first hops, "
              "damaged payloads", 2, frames, extra=services)
