import LabCore
import LabCrypto

/// A whole configuration of nginx 1.22 (nginx.org/en/docs), written from validated values only: no text of a user
/// reaches it.
///
/// All that changes is in `http.conf`; the main file only says who and where, and includes it.
///
/// Routes are lines in two maps, not servers of their own: nginx takes more than a millisecond for each server with
/// TLS, twice for each change, and next to nothing for a line. The certificate is read when a client asks for it, by
/// the worker, from the path that the map has for the name; nothing that a client sends becomes part of a path.
struct NginxConfiguration: Sendable {
    /// Names the content: equal states have equal revisions.
    let revision: String
    /// The text of `http.conf`.
    let http: String
    /// The lines of each route in `http.conf`, in the order of the file.
    let places: [(lines: ClosedRange<Int>, host: Hostname)]

    init(_ state: ProxyState, _ settings: NginxSettings) {
        var text = ConfigurationText()
        Self.writeShared(state, settings, to: &text)
        Self.writeUnknownNames(settings, to: &text)
        Self.writeRedirects(state, settings, to: &text)
        var places: [(lines: ClosedRange<Int>, host: Hostname)] = []
        Self.writeMaps(state, settings, to: &text, &places)
        for (limit, routes) in Dictionary(grouping: state.routes, by: \.maximumBodyMegabytes).sorted(by: {
            $0.key < $1.key
        }) {
            Self.write(routes, limit: limit, settings, to: &text)
        }
        let revision = Hex.encode(SHA256.hash(Array(text.text.utf8)).prefix(12))
        // Last, because it names what stands before it.
        Self.writeControl(revision, settings, to: &text)
        self.revision = revision
        self.places = places
        http = text.text
    }

    /// The main file, with the path of the `http.conf` to use.
    static func main(_ settings: NginxSettings, including path: String) -> String {
        """
        # Written by proxy-router; changes are lost.
        \(settings.workerUser.map { "user \($0);\n" } ?? "")worker_processes \(settings.workers);
        worker_rlimit_nofile 16384;
        # Old workers leave at last, even if a WebSocket stays open.
        worker_shutdown_timeout 15m;
        pid \(settings.pidFile);
        error_log stderr warn;
        events {
            worker_connections 4096;
        }
        http {
            include \(path);
        }

        """
    }

    /// A main file without any listener: what an nginx is given for a moment that still listens for a configuration
    /// of somebody else, whose addresses may overlap with ours (127.0.0.1 and 0.0.0.0).
    static func mainWithoutListeners(_ settings: NginxSettings) -> String {
        main(settings, including: "/dev/null")
    }

    private static func writeShared(
        _ state: ProxyState, _ settings: NginxSettings, to text: inout ConfigurationText
    ) {
        let temporary = settings.temporaryFolder
        let longest = state.routes.map { $0.host.text.utf8.count }.max() ?? 0
        let port = settings.publicHTTPSPort == 443 ? "" : ":\(settings.publicHTTPSPort)"
        text.lines(
            """
            access_log off;
            server_tokens off;
            default_type application/octet-stream;
            client_body_temp_path \(temporary)/body;
            proxy_temp_path \(temporary)/proxy;
            fastcgi_temp_path \(temporary)/fastcgi;
            uwsgi_temp_path \(temporary)/uwsgi;
            scgi_temp_path \(temporary)/scgi;
            tcp_nodelay on;
            keepalive_timeout 75s;
            keepalive_requests 10000;
            server_names_hash_max_size \(max(512, powerOfTwo(atLeast: state.routes.count * 4)));
            server_names_hash_bucket_size \(max(64, powerOfTwo(atLeast: longest + 32)));
            map_hash_max_size \(max(2048, powerOfTwo(atLeast: state.routes.count * 4)));
            map_hash_bucket_size \(max(64, powerOfTwo(atLeast: longest + 32)));

            ssl_protocols TLSv1.2 TLSv1.3;
            ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;
            ssl_prefer_server_ciphers off;
            ssl_ecdh_curve X25519:prime256v1:secp384r1;
            ssl_session_cache shared:lab:10m;
            ssl_session_timeout 1d;
            ssl_session_tickets off;

            # An upstream that is a name is looked up when it is used: one that does not resolve harms its route alone.
            resolver \(settings.resolver) valid=10s ipv6=off;
            resolver_timeout 3s;

            # Everything passes through as it comes: uploads, streams, WebSockets.
            client_max_body_size 0;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_buffering off;
            proxy_connect_timeout 5s;
            proxy_read_timeout 1h;
            proxy_send_timeout 1h;
            proxy_redirect off;
            proxy_ssl_server_name on;
            map $http_upgrade $lab_connection {
                default upgrade;
                "" "";
            }
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $lab_connection;

            # What the proxy itself sees of the client; what the client claims is dropped.
            proxy_set_header Host $host\(port);
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $host\(port);
            proxy_set_header X-Forwarded-Port \(settings.publicHTTPSPort);
            proxy_set_header X-Forwarded-Server "";
            proxy_set_header X-Forwarded-Prefix "";
            proxy_set_header Forwarded "";
            proxy_set_header Proxy "";
            # Ours alone (RFC 9209): it tells the proxy's errors from an upstream's.
            proxy_hide_header Proxy-Status;
            """)
    }

    /// A name that no route has: no certificate would be right, so the handshake ends.
    private static func writeUnknownNames(_ settings: NginxSettings, to text: inout ConfigurationText) {
        text.lines("server {")
        for address in settings.listen {
            text.lines(
                """
                    listen \(listener(address, settings.httpPort)) default_server;
                    listen \(listener(address, settings.httpsPort)) ssl http2 default_server;
                """)
        }
        text.lines(
            """
                ssl_reject_handshake on;
                return 404;
            }
            """)
    }

    private static func writeRedirects(
        _ state: ProxyState, _ settings: NginxSettings, to text: inout ConfigurationText
    ) {
        guard !state.routes.isEmpty else { return }
        let port = settings.publicHTTPSPort == 443 ? "" : ":\(settings.publicHTTPSPort)"
        text.lines("server {")
        for address in settings.listen { text.lines("    listen \(listener(address, settings.httpPort));") }
        text.lines("    server_name")
        for route in state.routes { text.lines("        \(route.host)") }
        text.lines(
            """
                ;
                return 308 https://$host\(port)$request_uri;
            }
            """)
    }

    private static func writeMaps(
        _ state: ProxyState, _ settings: NginxSettings, to text: inout ConfigurationText,
        _ places: inout [(lines: ClosedRange<Int>, host: Hostname)]
    ) {
        text.lines("map $ssl_server_name $lab_certificate {")
        for route in state.routes {
            text.lines("    \(route.host) \(settings.certificatesFolder)/\(route.certificate.fingerprint);")
            places.append((text.lineCount...text.lineCount, route.host))
        }
        text.lines("}\nmap $host $lab_upstream {")
        for route in state.routes {
            let origin = "\(route.upstream.scheme.rawValue)://\(route.upstream.authority)"
            text.lines("    \(route.host) \(origin)\(route.pathPrefix?.text ?? "");")
            places.append((text.lineCount...text.lineCount, route.host))
        }
        text.lines("}")
    }

    /// The server of all routes with one limit for request bodies, which no variable can give.
    private static func write(
        _ routes: [ProxyRoute], limit: Int, _ settings: NginxSettings, to text: inout ConfigurationText
    ) {
        text.lines("server {")
        for address in settings.listen { text.lines("    listen \(listener(address, settings.httpsPort)) ssl http2;") }
        text.lines("    server_name")
        for route in routes { text.lines("        \(route.host)") }
        text.lines(
            """
                ;
                ssl_certificate "${lab_certificate}.pem";
                ssl_certificate_key "${lab_certificate}.key";
                client_max_body_size \(limit)m;
                error_page 502 @bad_gateway;
                error_page 504 @gateway_timeout;
                location / {
                    proxy_pass $lab_upstream$request_uri;
                }
                location @bad_gateway {
                    add_header Proxy-Status "homelab; error=destination_unavailable" always;
                    return 502;
                }
                location @gateway_timeout {
                    add_header Proxy-Status "homelab; error=connection_timeout" always;
                    return 504;
                }
            }
            """)
    }

    /// The name under which nginx says, over HTTP, which configuration it serves. No name of a lab can be the same
    /// (RFC 6761, section 6.4).
    static let controlName = "homelab-proxy.invalid"

    private static func writeControl(_ revision: String, _ settings: NginxSettings, to text: inout ConfigurationText) {
        text.lines("server {")
        for address in settings.listen { text.lines("    listen \(listener(address, settings.httpPort));") }
        text.lines(
            """
                server_name \(controlName);
                keepalive_timeout 0;
                location = /revision {
                    default_type text/plain;
                    return 200 "\(revision)";
                }
                location / {
                    return 404;
                }
            }
            """)
    }

    private static func listener(_ address: IPLiteral, _ port: Int) -> String {
        ServerAddress(address: address, port: port).description
    }

    private static func powerOfTwo(atLeast number: Int) -> Int {
        var power = 1
        while power < number { power *= 2 }
        return power
    }
}

/// Lines of text, counted.
private struct ConfigurationText {
    private(set) var text = ""
    private(set) var lineCount = 0

    /// Adds one or more lines.
    mutating func lines(_ lines: String) {
        text += lines
        text += "\n"
        lineCount += lines.utf8.reduce(1) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
    }
}
