"""What a reader of solution.nc relies on, seen with xarray: python3 xarray_reads.py SOLUTION.

Exits with 0 when all holds, 1 with a line for each thing that does not, 77 (skipped) without xarray.
"""

import sys

try:
    import numpy as np
    import xarray as xr
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

SCALARS = ["risk", "free_energy", "dissipation", "dissipated", "mass", "minimum", "gap", "wall_mass", "sigma2",
           "one_sided_lipschitz"]
ATTRIBUTES = ["Conventions", "name", "title", "case", "source", "history", "libraries", "flux", "limiter", "rtol",
              "atol", "temperature", "ridge", "solver_steps", "solver_end_time"]


def faults(data):
    """One line for each thing that is not as docs/formats.md says."""
    axes = [str(name) for name in data.coordinate.values]

    for name in ATTRIBUTES:
        if name not in data.attrs:
            yield f"no attribute {name}"
    for name, variable in data.variables.items():
        if not variable.attrs.get("long_name"):
            yield f"{name} has no long_name"
        if variable.dtype.kind in "fi" and not variable.attrs.get("units"):
            yield f"{name} has no units"

    shapes = {name: ("time",) for name in SCALARS}
    shapes |= {"density": ("time", *axes), "mean": ("time", "coordinate"),
               "covariance": ("time", "coordinate", "coordinate2"), "logits": ("logit_time", "event", "class"),
               "event_weight": ("event",), "label": ("event", "class"), "token_count": ("event",),
               "token_value": ("token", "component")}
    for name, dims in shapes.items():
        if name not in data or data[name].dims != dims:
            yield f"{name} does not have the dimensions {dims}"
            return

    for axis in axes:
        centers, bounds = data[axis].values, data[data[axis].attrs["bounds"]].values
        if not np.allclose(centers, bounds.mean(axis=1)) or not np.array_equal(bounds[1:, 0], bounds[:-1, 1]):
            yield f"{axis}: centres and bounds do not fit together"
    for name in ["time", "logit_time"]:
        if not (np.diff(data[name].values) > 0).all():
            yield f"{name} does not increase"

    # With a temperature the dissipation of a density of compact support starts at infinity.
    settled = data.isel(time=slice(1, None)) if data.attrs["temperature"] > 0 else data
    for name in ["density", "mean", "covariance", "logits", "event_weight", "label", "token_value", *SCALARS]:
        values = settled[name] if name == "dissipation" else data[name]
        if not np.isfinite(values.values).all():
            yield f"{name} is not finite everywhere"

    volume = np.prod([float(np.diff(data[data[axis].attrs["bounds"]].values[0])[0]) for axis in axes])
    total = data.density.sum(axes) * volume
    for name, values, wanted in [("mass", data.mass, 1), ("density", total, 1),
                                 ("event_weight", data.event_weight.sum(), 1), ("label", data.label.sum("class"), 1),
                                 ("token_count", data.token_count.sum(), data.sizes["token"])]:
        if not np.allclose(values, wanted, rtol=0, atol=1e-9):
            yield f"{name} does not sum to {wanted}"


def main():
    with xr.open_dataset(sys.argv[1]) as data:
        found = list(faults(data))
    for fault in found:
        print(f"{sys.argv[1]}: {fault}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
