/** How places in the AMD manual are cited. */

/** '15.5.1' is a section of volume 2, 'B' one of its appendices. */
export function inManual(place: string): string {
  return /^\d/.test(place) ? `APM vol 2 §${place}` : `APM vol 2 appendix ${place}`
}
