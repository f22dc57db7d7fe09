# SPDX-License-Identifier: BSD-3-Clause
"""The directory over Debian's etcd-server: descriptors under leases, passwords and certificates,
and a fleet of a thousand."""
import shutil
import subprocess
import time

import etcd
import tap
from fleet import Fleet, note, signed_parts, wait
from with_etcd import PREFIX, WithEtcd


class Descriptors(WithEtcd):
    def start(self, lease_seconds):
        self.net = self.fleet(4, 3600, int(time.time()) - 1800)
        self.etcd = self.server(self.net.path / "etcd")
        self.dir = self.directory(self.net, self.etcd.url)
        self.file = self.net.path / "state-descriptor"
        self.key = f"{PREFIX}/descriptors/{2:010}"
        shutil.copy(self.net.descriptor(2), self.file)
        self.lease_seconds = lease_seconds
        self.agent()

    def agent(self):
        self.dir.relay("relay", self.net.path / "topology", self.file, self.lease_seconds)

    def is_there(self, wanted, seconds=30):
        wait(lambda: self.etcd.get(self.key) == wanted, seconds, lambda: self.dir.said("relay"))

    def test_a_descriptor_goes_with_its_agent_and_comes_back(self):
        self.start(lease_seconds=5)
        wanted = self.net.descriptor(2).read_bytes()
        self.is_there(wanted)
        # longer than the lease: it is kept alive
        time.sleep(7)
        self.assertEqual(self.etcd.get(self.key), wanted)
        self.dir.kill("relay")
        self.is_there(None)
        self.agent()
        self.is_there(wanted)
        # who removes it, or puts another, has not done so for long
        self.etcd.delete(self.key)
        self.is_there(wanted)
        self.etcd.put(self.key, b"other")
        self.is_there(wanted)

    def test_a_new_descriptor_is_published_a_wrong_one_is_not_one_that_is_gone_is_withdrawn(self):
        self.start(lease_seconds=3600)
        first = self.net.descriptor(2).read_bytes()
        self.is_there(first)
        wrong = self.net.path / "wrong"
        wrong.write_bytes(first.replace(b'"capacity": 1000', b'"capacity": 1001'))
        wrong.rename(self.file)
        wait(lambda: "not published" in self.dir.said("relay"))
        self.assertEqual(self.etcd.get(self.key), first)
        again = Fleet(4, 3600, self.net.begin)
        self.closers.append(again.__exit__)
        shutil.copy(again.descriptor(2), wrong)
        wrong.rename(self.file)
        self.is_there(again.descriptor(2).read_bytes())
        self.file.unlink()
        self.is_there(None)

    def test_an_agent_that_finds_no_etcd_says_so_and_goes_on(self):
        self.start(lease_seconds=3600)
        self.is_there(self.net.descriptor(2).read_bytes())
        self.etcd.kill()
        self.etcd.process = None
        self.file.unlink()
        wait(lambda: "there is no document yet" in self.dir.said("relay"))
        time.sleep(3)
        self.etcd.start()
        wait(lambda: "etcd is back" in self.dir.said("relay"))
        self.assertIn(self.dir.said("relay").count(" agent: etcd: "), (1, 2, 3))
        self.is_there(None)


def make_certificates(folder):
    """A CA, a certificate for etcd and one for its clients; names of files."""
    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1")
    openssl("req", "-x509", *key, "-subj", "/CN=test", "-keyout", folder / "ca.key", "-out",
            folder / "ca.pem")
    for name, usage in (("server", "serverAuth,clientAuth"), ("client", "clientAuth")):
        extensions = folder / f"{name}.ext"
        extensions.write_text(f"extendedKeyUsage={usage}\nsubjectAltName=IP:127.0.0.1\n")
        # no CommonName: etcd takes that of the gateway's own certificate for a user
        openssl("req", *key, "-subj", "/O=linemix", "-keyout", folder / f"{name}.key", "-out",
                folder / f"{name}.csr")
        openssl("x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / "ca.pem", "-CAkey",
                folder / "ca.key", "-CAcreateserial", "-days", "1", "-extfile", extensions, "-out",
                folder / f"{name}.pem")
    return {"ca": folder / "ca.pem", "cert": folder / "server.pem", "key": folder / "server.key",
            "client_cert": folder / "client.pem", "client_key": folder / "client.key"}


class Secured(WithEtcd):
    USER, PASSWORD = "relay-2", "correct horse"

    def setUp(self):
        super().setUp()
        self.net = self.fleet(4, 3600, int(time.time()) - 1800)
        self.tls = make_certificates(self.net.path)
        self.etcd = self.server(self.net.path / "etcd", tls=self.tls)
        self.dir = self.directory(self.net, self.etcd.url)
        self.password = self.net.path / "password"
        self.password.write_text(self.PASSWORD + "\n")
        self.password.chmod(0o600)

    def need_passwords(self):
        """Users from now on: root, and the relay's, which may write its own descriptor alone."""
        own = f"{PREFIX}/descriptors/{2:010}"
        self.etcd.post("auth/user/add", name="root", password="root")
        self.etcd.post("auth/role/add", name="root")
        self.etcd.post("auth/user/grant", user="root", role="root")
        self.etcd.post("auth/user/add", name=self.USER, password=self.PASSWORD)
        self.etcd.post("auth/role/add", name="relay")
        for kind, first, last in (("READ", f"{PREFIX}/", f"{PREFIX}0"), ("READWRITE", own, "")):
            permission = {"permType": kind, "key": etcd.text64(first)}
            if last:
                permission["range_end"] = etcd.text64(last)
            self.etcd.post("auth/role/grant", name="relay", perm=permission)
        self.etcd.post("auth/user/grant", user=self.USER, role="relay")
        self.etcd.post("auth/enable")
        self.log_in()

    def log_in(self):
        self.etcd.token = None
        answer = self.etcd.post("auth/authenticate", name="root", password="root")
        self.etcd.token = answer["token"]

    def agent(self, name, tls="{{ca: {ca}, cert: {client_cert}, key: {client_key}}}",
              user=USER, node=2):
        extra = (f"tls: {tls.format(**self.tls)}\n"
                 f"descriptor: {self.net.descriptor(node)}\n")
        if user:
            extra += f"auth: {{user: {user}, password_file: {self.password}}}\n"
        return self.dir.agent(name, self.net.path / "topology", extra)

    def published(self):
        return self.etcd.get(f"{PREFIX}/descriptors/{2:010}") == self.net.descriptor(2).read_bytes()

    def fails(self, name, words):
        wait(lambda: words in self.dir.said(name), 30, lambda: self.dir.said(name))
        self.assertFalse(self.published())
        self.dir.kill(name)

    def test_tls_and_passwords(self):
        self.need_passwords()
        self.agent("no-ca", tls="{{cert: {client_cert}, key: {client_key}}}")
        self.fails("no-ca", "certificate")
        self.agent("no-certificate", tls="{{ca: {ca}}}")
        self.fails("no-certificate", " agent: etcd: ")
        self.agent("no-user", user=None)
        self.fails("no-user", "user name is empty")
        self.agent("another-node", node=3)
        self.fails("another-node", "permission denied")
        self.agent("agent")
        wait(self.published, 30, lambda: self.dir.said("agent"))
        # tokens do not outlive etcd: the agent logs in again
        self.etcd.kill()
        self.etcd.start()
        self.log_in()
        self.etcd.delete(f"{PREFIX}/descriptors/{2:010}")
        self.dir.kill("agent")
        self.agent("agent")
        wait(self.published, 30, lambda: self.dir.said("agent"))
        for name in ("agent", "no-user", "another-node"):
            self.assertNotIn(self.PASSWORD, self.dir.said(name))

    def test_a_token_is_renewed(self):
        self.need_passwords()
        self.agent("agent", node=2)
        wait(self.published, 30, lambda: self.dir.said("agent"))
        self.etcd.kill()
        self.etcd.start()  # has forgotten all tokens
        self.log_in()
        new = self.net.path / "new"
        other = Fleet(4, 3600, self.net.begin)
        self.closers.append(other.__exit__)
        shutil.copy(other.descriptor(2), new)
        new.rename(self.net.descriptor(2))
        wait(self.published, 30, lambda: self.dir.said("agent"))

    def test_a_wrong_password_and_a_careless_file_are_refused(self):
        self.need_passwords()
        self.password.write_text("wrong")
        self.agent("wrong")
        self.fails("wrong", "invalid user ID or password")
        self.password.chmod(0o644)
        self.assertEqual(self.agent("open").wait(20), 1)
        self.assertIn("others may read it", self.dir.said("open"))


class Large(WithEtcd):
    def test_a_thousand_descriptors(self):
        nodes, span_s = 1000, 1200
        ahead_s = span_s // 4 + 60  # the round begins when all is there, by a lead that is longer
        net = self.fleet(nodes, span_s, int(time.time()) + ahead_s, count=3)
        server = self.server(net.path / "etcd")
        directory = self.directory(net, server.url)
        server.put_all({f"{PREFIX}/descriptors/{node:010}": net.descriptor(node).read_bytes()
                        for node in range(1, nodes + 1)})
        began = time.monotonic()
        for number in (1, 2, 3):
            directory.authority(number, net.key(number), net.plan, 2 * ahead_s)
        topology = net.path / "topology"
        directory.agent("follower", topology)
        wait(topology.exists, 120, lambda: directory.said("authority-1"))
        took = time.monotonic() - began
        self.assertEqual(len(net.check(topology)["nodes"]), nodes)
        chunks = server.keys(f"{PREFIX}/documents/")
        size = len(signed_parts(topology)[1])
        self.assertEqual(len(chunks), -(-size // (512 << 10)))
        note(f"{nodes} descriptors of {net.descriptor(1).stat().st_size} bytes, 3 authorities: a "
             f"document of {size} bytes in {len(chunks)} chunks, after {took:.1f} s")


if __name__ == "__main__":
    tap.main()
