"""Manifests for other people's engines: Kubernetes, KServe, Knative, Compose and `docker run`.

Project + Lock + Request → Plan → text. Functions of values: nothing here reads a file, asks a cluster or starts a
program. Read `request.py` and `plan.py` first, then `pod.py`.
"""
