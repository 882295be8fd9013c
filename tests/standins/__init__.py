"""Stand-ins for the services of the shipped SOPs, and the frame in which their causes are tried.

A stand-in is not the real program. It does what the SOP looks at (pods, rows, leases, log lines,
metrics, answers, Events), and is broken by switches that are named by their cause: a password runs
out, OCM refuses, an image is not there. It knows nothing of checks, procedures or rows.

`pace` makes an SOP fast enough for a test, `scenario` says what a cause must lead to, and `stage`
lets it happen on real servers.
"""
