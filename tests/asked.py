"""What is asked for, resolved: on digits, without weights, unless a test says otherwise."""

from ict.resolve import resolve

VIT = "vit_base_patch16_224.orig_in21k"


def resolved(weights="none", **asked):
    return resolve({"task": "digits", **asked}, weights=weights)
