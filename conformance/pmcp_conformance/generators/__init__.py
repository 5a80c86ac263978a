"""What rules draw from: adversarial ids and values, and random sequences with a model to compare.

`corpus` holds the ids and values, `sequences` draws and shrinks sequences of operations, and
`reference_model` says what each operation of a sequence must give. Nothing here knows a target or
calls a backend.
"""
