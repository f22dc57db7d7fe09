# SPDX-License-Identifier: BSD-3-Clause
"""The plan of an authority in a guest, as a function of its shell. For newcomer.py and
package_guest.py."""

# plan START LOOP_INTERVAL_US: of four nodes, the identity of each in the file identity-ID.
SHELL = """
member() { echo "{\\"id\\": $1, $2, \\"operator\\": \\"$3\\", \\"jurisdiction\\": \\"CH\\",
    \\"identity\\": \\"$(cat identity-$1)\\", \\"prefixes\\": [\\"192.0.2.$1/32\\"]}"; }
plan() { cat <<END
{"format": "linemix-plan-v1", "start": "$1", "epoch_seconds": 1200,
 "profile": 0, "mixing": {"strategy": "poisson", "mean_delay_us": 200000},
 "cover": {"loop_interval_us": $2, "drop_interval_us": 0, "link_interval_us": 0},
 "paths": {"choice": "uniform", "jurisdictions": false}, "layers": 3, "members": [
  $(member 11 '"role": "mix", "layer": 1' Ada), $(member 21 '"role": "mix", "layer": 2' Babbage),
  $(member 31 '"role": "mix", "layer": 3' Curie), $(member 90 '"role": "gateway"' Darwin)]}
END
}
"""
