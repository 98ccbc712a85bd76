"""Fixtures that several rooms' tests share."""

from tests.fixtures.browser import browser, faults_of_report
from tests.fixtures.processes import command, execute, keep_signals, start
from tests.fixtures.published_weights import published
from tests.fixtures.served import brightness, one_moment
from tests.fixtures.tiny_resnet import tiny_resnet

__all__ = [
    "brightness",
    "browser",
    "command",
    "execute",
    "faults_of_report",
    "keep_signals",
    "one_moment",
    "published",
    "start",
    "tiny_resnet",
]
