import type { AuditEvent } from '../query.ts';
import type { Body } from './body.ts';

/** An event as CloudEvents 1.0.2 has it, in the structured mode of its JSON format. */
export function cloudEvent(event: AuditEvent, publicUrl: string | undefined): Body {
  const subject = subjectOf(event);
  const document = {
    specversion: '1.0',
    id: String(event.id),
    source: publicUrl ?? 'gatehouse',
    type: `io.gatehouse.${event.kind}`,
    time: event.at,
    ...(subject !== undefined && { subject }),
    datacontenttype: 'application/json',
    data: event,
  };
  return { contentType: 'application/cloudevents+json', text: JSON.stringify(document) };
}

/** As clients write it: `team-a/app:1.4`, `team-a/app@sha256:…`, or the name of a user, group, robot or webhook. */
function subjectOf({ repository, reference, digest }: AuditEvent): string | undefined {
  if (repository === undefined) return reference;
  // Only a digest holds a colon.
  if (reference !== undefined && !reference.includes(':')) return `${repository}:${reference}`;
  const content = reference ?? digest;
  return content === undefined ? repository : `${repository}@${content}`;
}
