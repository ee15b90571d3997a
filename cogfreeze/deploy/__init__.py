"""Manifests for other people's engines: Kubernetes, KServe, Knative, Compose and `docker run`.

Project + Lock + Request → Plan → text. Functions of values: nothing here reads a file, asks a cluster or starts a
program. Read `request.py` and `plan.py` first, then `pod.py`.
"""

from cogfreeze.deploy.plan import Plan, plan
from cogfreeze.deploy.request import TARGETS, Request
from cogfreeze.deploy.text import Output, render

__all__ = ["TARGETS", "Output", "Plan", "Request", "plan", "render"]
