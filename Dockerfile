# The operator as an image: the program, glibc, and the certificates of public authorities; no shell, not root.
# `make image` builds and checks it.

FROM docker.io/library/rust:1.95-slim-bookworm AS build
WORKDIR /source
COPY Cargo.toml Cargo.lock ./
COPY benches benches
COPY src src
RUN cargo build --locked --release

FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="keycloak-user-operator" \
      org.opencontainers.image.description="Keeps Keycloak accounts as KeycloakUser resources declare them" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY LICENSE /licenses/
COPY --from=build /source/target/release/keycloak-user-operator /usr/bin/
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
ENTRYPOINT ["/usr/bin/keycloak-user-operator"]
