# Node runs the sources as they lie: there is nothing to build, and so no build stage.
FROM docker.io/library/node:24-slim

WORKDIR /opt/gatehouse

# The lock file before the sources: a change of ours does not install everything anew.
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
    && npm cache clean --force \
    && mkdir -p /etc/gatehouse /data \
    && chown 1000:1000 /data

COPY LICENSE ./
COPY storage ./storage
COPY src ./src

# Nobody reaches port 5000 of a container unless the operator publishes it: that act is the permission for plain HTTP
# which Gatehouse asks for. Put a proxy with TLS in front, or mount another configuration over this file.
RUN printf '%s\n' \
      'http:' \
      '  listen: 0.0.0.0:5000' \
      '  plaintext: anywhere' \
      'storage:' \
      '  filesystem:' \
      '    root: /data/storage' \
      'metadata:' \
      '  sqlite:' \
      '    path: /data/gatehouse.sqlite' \
      > /etc/gatehouse/registry.config.yaml

# Little memory: see scripts/lib/node.sh.
ENV NODE_ENV=production \
    NODE_OPTIONS=--max-semi-space-size=1 \
    MALLOC_ARENA_MAX=2
# The user `node` of the base image, as a number: Kubernetes' runAsNonRoot cannot judge a name.
USER 1000:1000
VOLUME /data
EXPOSE 5000

HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["node", "-e", "process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; Promise.any(['http', 'https'].map(async (scheme) => { if (!(await fetch(scheme + '://127.0.0.1:5000/healthz')).ok) throw scheme })).then(() => process.exit(0), () => process.exit(1))"]

# Exec form: SIGTERM reaches node itself, which then lets accepted requests end.
ENTRYPOINT ["node", "/opt/gatehouse/src/main.ts"]
CMD ["serve", "--config", "/etc/gatehouse/registry.config.yaml"]
