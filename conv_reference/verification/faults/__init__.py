"""Convolutions that are wrong on purpose, and right ones: what the checks must distinguish.

Each fault is one right convolution in pieces with one piece exchanged, behind a guard. Each is a
target by its name: ``conv_reference.verification.faults.collection:short_index``.
"""
