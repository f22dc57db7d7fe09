# SPDX-License-Identifier: BSD-3-Clause
"""What tests on Debian's etcd-server share."""
import unittest

import etcd
from fleet import DIRECTORY, Fleet

PREFIX = "/linemix/test"


class WithEtcd(unittest.TestCase):
    def setUp(self):
        if not etcd.installed():
            self.skipTest("etcd-server is not installed; scripts/setup does it")
        self.closers = []

    def tearDown(self):
        for close in reversed(self.closers):
            close()

    def fleet(self, *arguments, **options):
        made = Fleet(*arguments, **options)
        self.closers.append(made.__exit__)
        return made

    def server(self, folder, **options):
        server = etcd.Server(folder, **options)
        self.closers.append(server.close)
        return server.start()

    def directory(self, net, *urls, **options):
        directory = etcd.Directory(DIRECTORY, net.path, urls, net.authorities, 2, **options)
        self.closers.append(directory.close)
        return directory
