"""What is in a NetCDF file, and where two differ."""
import netCDF4
import numpy as np

passing = {"history", "solver_seconds", "seconds"}  # attributes and variables that tell of the call, not of the result


def content(group, prefix=""):
    """Every attribute and every variable of a file, with those of its groups, by name."""
    found = {f"{prefix}@{name}": np.asarray(group.getncattr(name)) for name in group.ncattrs() if name not in passing}
    for name, variable in group.variables.items():
        if name not in passing:
            variable.set_auto_mask(False)
            found[prefix + name] = np.asarray(variable[...])
    for name, inner in group.groups.items():
        found.update(content(inner, f"{prefix}{name}/"))
    return found


def read(path):
    with netCDF4.Dataset(path) as file:
        return content(file)


def differences(one, other):
    wrong = sorted(set(one) ^ set(other))
    for name in sorted(set(one) & set(other)):
        a, b = one[name], other[name]
        if a.shape != b.shape or not (np.array_equal(a, b, equal_nan=True) if a.dtype.kind == "f" else np.array_equal(a, b)):
            wrong.append(name)
    return wrong
