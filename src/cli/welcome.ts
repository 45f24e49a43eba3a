/** What a newcomer needs once: how to come in, and the three commands to type next. */
export interface Welcome {
  readonly name: string;
  readonly password: string;
  /** How clients reach the registry. */
  readonly url: string;
  /** SHA-256 of the private authority's certificate; undefined where clients need not be told to trust one. */
  readonly caFingerprint: string | undefined;
}

/** The text of the first start. The password is in it: show it, never log it. */
export function welcomeText({ name, password, url, caFingerprint }: Welcome): string {
  const { host, protocol } = new URL(url);
  const place = host.replace(/^(0\.0\.0\.0|\[::\]):/, '127.0.0.1:');
  const flag = protocol === 'http:' ? ' --tls-verify=false' : '';
  const dockerNote = flag === '' ? 'docker takes the same commands.' : `docker takes the same commands without${flag}.`;
  const trust =
    caFingerprint === undefined
      ? ''
      : `
    ./scripts/trust-node ${place} --fingerprint ${caFingerprint.replaceAll(':', '').toLowerCase()}
`;
  return `
Welcome to Gatehouse. There was no user yet, so here is the first:

    user name  ${name}
    password   ${password}

The password is not shown again; \`gatehouse user set-password ${name}\` changes it. What to type next:
${trust}
    podman login${flag} ${place} -u ${name}
    podman push${flag} my-image ${place}/demo/my-image
    podman pull${flag} ${place}/demo/my-image

${dockerNote} Let others in with \`gatehouse user create\` and \`gatehouse policy add-role-to-user\`.${trust === '' ? '' : ' trust-node is for every machine that pushes or pulls, as root.'}

`;
}
