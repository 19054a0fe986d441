#!/usr/bin/env python3
"""Two offices on two machines, as network namespaces are: a second of delay between them, a partition, and somebody on a
third who runs them by certificate. Needs root and `ip`; what it makes is gone at the end."""

import json
import os
import subprocess
import sys
import tempfile
import time

BINARIES = os.path.abspath("target/debug")
PREFIX = f"liaison{os.getpid()}"
MACHINES = {"south": "10.77.1", "north": "10.77.2", "third": "10.77.3"}
BETWEEN = f"{PREFIX}-between"
SOUTH, NORTH = "10.77.1.2:50051", "10.77.2.2:50052"
DEADLINE = 60.0


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def machine(name):
    return f"{PREFIX}-{name}"


def build():
    """A machine between three others, that passes on what they send."""
    ip("netns", "add", BETWEEN)
    ip("-n", BETWEEN, "link", "set", "lo", "up")
    for name, net in MACHINES.items():
        ip("netns", "add", machine(name))
        ip("-n", machine(name), "link", "set", "lo", "up")
        ip("-n", BETWEEN, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", machine(name))
        ip("-n", BETWEEN, "addr", "add", f"{net}.1/24", "dev", name)
        ip("-n", BETWEEN, "link", "set", name, "up")
        ip("-n", machine(name), "addr", "add", f"{net}.2/24", "dev", "eth0")
        ip("-n", machine(name), "link", "set", "eth0", "up")
        ip("-n", machine(name), "route", "add", "default", "via", f"{net}.1")
    on(BETWEEN, "sysctl", "-qw", "net.ipv4.ip_forward=1")


def clear():
    for name in [BETWEEN, *map(machine, MACHINES)]:
        subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


def on(namespace, *command):
    return subprocess.run(["ip", "netns", "exec", namespace, *command], check=True, capture_output=True, text=True)


def liaison(*words):
    done = subprocess.run([f"{BINARIES}/liaison", *words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"liaison {' '.join(words)}: {done.stderr}")
    return done.stdout


def until(what, look):
    deadline = time.monotonic() + DEADLINE
    while not (found := look()):
        if time.monotonic() > deadline:
            sys.exit(f"{what} did not come about in {DEADLINE:.0f} s")
        time.sleep(0.2)
    return found


class House:
    def __init__(self, room):
        self.room, self.processes = room, []
        self.identities = f"{room}/identities"

    def start(self, namespace, program, *words):
        command = ["ip", "netns", "exec", namespace, f"{BINARIES}/{program}", *words]
        log = open(f"{self.room}/{namespace}-{len(self.processes)}.log", "w")
        process = subprocess.Popen(command, cwd=self.room, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def issue(self, *words):
        liaison("pki", "issue", *words, "--identities", self.identities)

    def third(self, who, *words, code=0):
        """A command on the third machine, by whoever has this identity."""
        command = ["ip", "netns", "exec", machine("third"), f"{BINARIES}/liaison", *words]
        command += ["--south", SOUTH, "--north", NORTH, "--identity", f"{self.identities}/{who}.pem"]
        done = subprocess.run(command, cwd=self.room, capture_output=True, text=True)
        if done.returncode != code:
            sys.exit(f"{' '.join(words)} by {who} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout if code == 0 else done.stderr

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(timeout=30)


def main():
    if os.geteuid() != 0:
        sys.exit("network namespaces need root")
    with tempfile.TemporaryDirectory() as room:
        house = House(room)
        try:
            build()
            play(house)
        except BaseException:
            for name in sorted(os.listdir(room)):
                if name.endswith(".log"):
                    print(f"--- {name}", open(f"{room}/{name}").read()[-2000:], file=sys.stderr)
            raise
        finally:
            for process in house.processes:
                process.kill()
            clear()


def play(house):
    liaison("pki", "init", "--identities", house.identities)
    # Each is dialled by its own address, and by that of the proxy in between.
    house.issue("south", "server", "--ip", "10.77.1.2", "--ip", "10.77.2.1")
    house.issue("north", "server", "--ip", "10.77.2.2", "--ip", "10.77.1.1")
    for who in ["south officer kim", "north officer chun", "south controller ann", "south observer lee"]:
        house.issue(*who.split())
    # North's machine has one file, and nothing else.
    carried = f"{house.room}/carried.pem"
    liaison("pki", "bundle", "north", "server", "--identities", house.identities, "--out", carried)

    delay = ["--delay", "1000ms"]
    house.start(BETWEEN, "liaison", "proxy", "--listen", "10.77.1.1:6002", "--to", NORTH, "--insecure-bind", *delay)
    house.start(BETWEEN, "liaison", "proxy", "--listen", "10.77.2.1:6001", "--to", SOUTH, "--insecure-bind", *delay)
    south = ["--listen", SOUTH, "--peer", "10.77.1.1:6002", "--data", "south", "--identities", house.identities]
    north = ["--listen", NORTH, "--peer", "10.77.2.1:6001", "--data", "north", "--identity", carried]
    house.start(machine("south"), "south", *south)
    house.start(machine("north"), "north", *north)

    def offices():
        """How both are, as a controller sees it."""
        command = ["status", "--output", "json"]
        whole = ["ip", "netns", "exec", machine("third"), f"{BINARIES}/liaison", *command, "--south", SOUTH]
        whole += ["--north", NORTH, "--identity", f"{house.identities}/south-controller-ann.pem"]
        done = subprocess.run(whole, capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else None

    until("both offices, connected", lambda: (told := offices()) and told.count('"CONNECTION_UP"') == 2)
    began = time.monotonic()
    house.third("south-officer-kim", "send", "--office", "south", "--subject", "A", "--text", "a", "--wait", "delivered")
    took = time.monotonic() - began
    if took < 1.9:
        sys.exit(f"delivered in {took:.2f} s: the line has no second of delay each way")
    house.third("north-officer-chun", "document", "acknowledge", "offices/south/documents/1")
    denied = house.third("south-observer-lee", "send", "--office", "south", "--subject", "X", "--text", "x", code=64 + 7)
    if "NOT_PERMITTED" not in denied:
        sys.exit(f"an observer's document is refused otherwise: {denied}")
    print(f"delivered over a second of delay each way in {took:.1f} s")

    ip("-n", BETWEEN, "link", "set", "north", "down")
    house.third("south-officer-kim", "send", "--office", "south", "--subject", "B", "--text", "b", "--wait", "recorded")
    print("recorded while the other machine cannot be reached")
    ip("-n", BETWEEN, "link", "set", "north", "up")

    def delivered():
        told = house.third("south-officer-kim", "document", "show", "offices/south/documents/2", "--output", "json")
        return json.loads(told)["state"].endswith("DELIVERED")

    until("the delivery after the partition", delivered)
    house.stop()
    house.processes.clear()
    agreed = json.loads(liaison("ledger", "reconcile", f"{house.room}/south", f"{house.room}/north", "--output", "json"))
    if not agreed["agreed"]:
        sys.exit(f"the ledgers differ: {agreed}")
    print(f"both ledgers agree: {agreed['south_to_north']} steps and {agreed['north_to_south']}")


if __name__ == "__main__":
    main()
