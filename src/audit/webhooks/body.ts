/** What is posted to a receiver. */
export interface Body {
  readonly contentType: string;
  readonly text: string;
}
