import Glibc
import LabCore
import LabService

/// The service's configuration; the README lists the keys.
struct ProxySettings: Sendable {
    let driver: ProxyDriver
    let domains: LabDomains
    /// Where clients reach the proxy; what the records of the hosts say.
    let address: IPLiteral
    let httpsPort: Int
    /// The HTTPS port as clients see it.
    let publicHTTPSPort: Int
    let resolver: ServerAddress
    /// Where probes reach the proxy, where that is not what its records say: in a network of containers.
    let probe: ProbeTarget?
    let sealingKeyFile: String
    /// Where the root's certificate is put for people; nil for nowhere.
    let authorityFile: String?
    let nginx: NginxSettings?
    let traefik: TraefikSettings

    init(_ settings: LabSettings) throws {
        driver = try ProxyDriver(settings)
        domains = try LabDomains(settings)
        address = try Self.reading("LAB_PROXY_ADDRESS") { () throws(InvalidText) in
            let text = settings["LAB_PROXY_ADDRESS"] ?? "127.0.0.1"
            guard let address = IPLiteral(text) else {
                throw InvalidText("is “\(text)”", remedy: "Give the address at which clients reach the proxy")
            }
            return address
        }
        httpsPort = try settings.integer("LAB_HTTPS_PORT", in: 1...65535, default: 443)
        publicHTTPSPort = try settings.integer("LAB_PUBLIC_HTTPS_PORT", in: 1...65535, default: httpsPort)
        resolver = try Self.reading("LAB_DNS_SERVER") { () throws(InvalidText) in
            try ServerAddress(settings["LAB_DNS_SERVER"] ?? "127.0.0.1:53", defaultPort: 53)
        }
        sealingKeyFile = settings["LAB_SEALING_KEY_FILE"] ?? "/var/lib/lab/sealing.key"
        authorityFile = settings["LAB_CA_FILE"]
        probe = try Self.reading("LAB_PROBE_ADDRESS") { () throws(InvalidText) in
            try settings["LAB_PROBE_ADDRESS"].map { text throws(InvalidText) in try ProbeTarget(text) }
        }
        let upstreamResolver = try Self.reading("LAB_PROXY_RESOLVER") { () throws(InvalidText) in
            try settings["LAB_PROXY_RESOLVER"].map { text throws(InvalidText) in
                try ServerAddress(text, defaultPort: 53)
            }
        }
        nginx =
            driver == .nginx
            ? try Self.nginx(settings, httpsPort, publicHTTPSPort, upstreamResolver ?? resolver) : nil
        traefik = TraefikSettings(
            httpEntryPoint: settings["LAB_TRAEFIK_HTTP_ENTRY_POINT"] ?? "web",
            httpsEntryPoint: settings["LAB_TRAEFIK_HTTPS_ENTRY_POINT"] ?? "websecure",
            publicHTTPSPort: publicHTTPSPort, file: settings["LAB_TRAEFIK_FILE"])
    }

    private static func nginx(
        _ settings: LabSettings, _ httpsPort: Int, _ publicHTTPSPort: Int, _ resolver: ServerAddress
    ) throws -> NginxSettings {
        let directory = settings["LAB_NGINX_DIR"] ?? "/var/lib/lab/nginx"
        let httpPort = try settings.integer("LAB_HTTP_PORT", in: 1...65535, default: 80)
        let workers = try settings.integer("LAB_NGINX_WORKERS", in: 1...64, default: 2)
        let listenKey = settings["LAB_PROXY_LISTEN"] == nil ? "LAB_LISTEN" : "LAB_PROXY_LISTEN"
        let listen = try reading(listenKey) { () throws(InvalidText) in
            try addresses(settings[listenKey] ?? "127.0.0.1")
        }
        return try reading("LAB_NGINX_DIR") { () throws(InvalidText) in
            try NginxSettings(
                directory: directory, configurationFile: settings["LAB_NGINX_CONF"], pidFile: settings["LAB_NGINX_PID"],
                listen: listen, httpPort: httpPort, httpsPort: httpsPort, publicHTTPSPort: publicHTTPSPort,
                resolver: resolver, workerUser: geteuid() == 0 ? settings["LAB_NGINX_USER"] ?? "www-data" : nil,
                workers: workers)
        }
    }

    private static func addresses(_ text: String) throws(InvalidText) -> [IPLiteral] {
        var addresses: [IPLiteral] = []
        for entry in text.split(whereSeparator: { $0 == "," || $0 == " " }) {
            guard let address = IPLiteral(String(entry)) else {
                throw InvalidText("has “\(entry)”", remedy: "Give addresses of this machine, or 0.0.0.0 for all")
            }
            if !addresses.contains(address) { addresses.append(address) }
        }
        guard !addresses.isEmpty else {
            throw InvalidText("names no address", remedy: "Give addresses of this machine, or 0.0.0.0 for all")
        }
        return addresses
    }

    private static func reading<Value>(
        _ key: String, _ read: () throws(InvalidText) -> Value
    ) throws -> Value {
        do {
            return try read()
        } catch {
            throw SettingError(key: key, detail: error.detail, remedy: error.remedy)
        }
    }
}

/// A host and a port that probes connect to, whatever address the resolver gave: `traefik:443`.
struct ProbeTarget: Sendable, Hashable {
    let host: String
    let port: Int

    init(_ text: String) throws(InvalidText) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (1...65_535).contains(port), colon > text.startIndex
        else {
            throw InvalidText("is “\(text)”", remedy: "Give a host and a port, such as traefik:443")
        }
        host = String(text[..<colon])
        self.port = port
    }
}
