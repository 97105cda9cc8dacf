import LabCore
import LabCrypto
import LabService
import Synchronization

/// Traefik 3: publishes its dynamic configuration as a document for the HTTP provider, and as a file for the file
/// provider. Traefik fetches either by itself, so only a probe tells whether it serves it.
final class TraefikProxy: Proxy {
    static let features = ProxyCapabilities(
        name: "traefik", servesAtOnce: false, marksItsErrors: false, access: [.public, .lab])

    var capabilities: ProxyCapabilities { Self.features }

    private let settings: TraefikSettings
    /// Nil until a state was applied: before that nothing may be served, least of all an empty document.
    private let published = Mutex<Published?>(nil)

    private struct Published: Sendable {
        let state: ProxyState
        /// Without the refused routes.
        let document: TraefikDocument
        let refused: [Hostname: String]
    }

    init(_ settings: TraefikSettings) throws(InvalidText) {
        if let file = settings.file {
            guard file.hasPrefix("/"), file.hasSuffix(".yaml") || file.hasSuffix(".yml") else {
                throw InvalidText(
                    "“\(file)” is not a file that Traefik reads",
                    remedy: "Give an absolute path that ends in .yaml, in the folder that Traefik watches")
            }
        }
        self.settings = settings
    }

    func apply(_ state: ProxyState) async throws(ProxyError) -> ProxyReport {
        let next = try publication(of: state)
        let document = next.document
        if let file = settings.file {
            // JSON is YAML. Written beside and renamed, since Traefik reads a file at any event, half written or not.
            try await Disk.away { () throws(ProxyError) in
                guard Disk.read(file) != document.text else { return }
                try Disk.replace(file, with: document.text, mode: 0o600, isDurable: true)
            }
        }
        let isChanged = published.withLock { published in
            let isChanged = published?.document != document
            published = next
            return isChanged
        }
        return ProxyReport(
            revision: Hex.encode(SHA256.hash(Array(document.text.utf8)).prefix(12)), refused: next.refused,
            isChanged: isChanged)
    }

    func isServing(_ state: ProxyState) async throws(ProxyError) -> Bool {
        guard let published = published.withLock({ $0 }), published.state == state else { return false }
        guard let file = settings.file else { return true }
        return Disk.read(file) == published.document.text
    }

    private func publication(of state: ProxyState) throws(ProxyError) -> Published {
        if let published = published.withLock({ $0 }), published.state == state { return published }
        // Traefik would leave out such a certificate with a line in its log, and end every handshake for its host.
        var refused: [Hostname: String] = [:]
        for route in state.routes { refused[route.host] = route.certificate.fault }
        do {
            let document = try TraefikDocument(state.without(Set(refused.keys)), settings)
            return Published(state: state, document: document, refused: refused)
        } catch {
            throw .refused(detail: "\(error)")
        }
    }

    /// What the HTTP provider gets. Anything but 200 makes Traefik keep what it has.
    var answer: ServedDocument.Answer {
        guard let document = published.withLock({ $0?.document }) else {
            return ServedDocument.Answer(
                status: 503, contentType: "text/plain",
                body: "The routes are not read yet; Traefik keeps what it has and asks again\n")
        }
        return ServedDocument.Answer(body: document.text)
    }
}
