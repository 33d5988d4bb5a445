// <ws-lab>: the element that mounts the workbench over a lab's static listing.

/** Leaves the listing as it stands. */
class LabElement extends HTMLElement {}

customElements.define('ws-lab', LabElement)
