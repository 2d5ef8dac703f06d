"""How far each head carries when light, depth or view get worse.

`perturbations` lists what is done to prepared face crops, `poses` renders turned
heads, `running` measures both and keeps what is done in `records`.
"""
