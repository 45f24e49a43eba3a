/**
 * With whose eyes the registry is looked at. An insider of a repository may push or sign there, and sees what is held and
 * withheld; an outsider, which is everybody else, sees what the gate shows.
 */
export type Eyes = 'insider' | 'outsider';
