# shellcheck shell=bash
# files PROGRAM FOLDER: the NetCDF files that fuzz-netcdf edits, one of each kind, written by the program.
files() {
  local program=$1 folder=$2
  local small=(--quiet -o "$folder" --set 'time.end=0.5' --set 'time.outputs=4' --set 'time.rtol=1e-5'
    --set 'particles.heads=[4, 8]' --set 'particles.step=[0.25]' --set 'particles.batch=[full]' --set particles.seeds=3)
  "$program" run retrieval "${small[@]}" --set 'grid.cells=[12, 12]'
  "$program" sgd retrieval "${small[@]}"
  "$program" compare "$folder/solution.nc" "$folder/particles.nc" --quiet -o "$folder"
  "$program" limit "$folder/solution.nc" --quiet -o "$folder"
  "$program" optimum gibbs "${small[@]}" --set 'grid.cells=[12, 12]'
  mv "$folder/optimum.nc" "$folder/gibbs.nc"
  "$program" optimum retrieval "${small[@]}" --set 'grid.cells=[12, 12]'
  "$program" run circle-cluster --quiet -o "$folder/tokens" --set 'grid.cells=[12]' --set time.end=0.1 --set time.outputs=3
  mv "$folder/tokens/solution.nc" "$folder/tokens.nc"
  "$program" run hidden-markov --quiet -o "$folder" --set data.seeds=1 --set 'network.widths=[10]'
  "$program" verify retrieval "${small[@]}" --set 'grid.cells=[16, 16]' || (($? == 3)) # of so few cells the order need not be seen
}
