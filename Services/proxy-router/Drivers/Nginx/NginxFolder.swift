import Glibc
import LabCore

/// The driver's folder: one folder for each revision, certificates by their fingerprints, and the link `current`.
///
/// What lies in a revision's folder or under a fingerprint never changes; a change is a new one and a new link.
struct NginxFolder: Sendable {
    static let httpFile = "http.conf"
    static let mainFile = "nginx.conf"

    let settings: NginxSettings

    /// Makes the folders, and the main file that nginx is started with.
    func prepare() throws(ProxyError) {
        // Workers that are another user must reach the temporary folder, and nothing else.
        try Disk.makeFolder(settings.directory, mode: 0o711)
        try Disk.makeFolder(settings.revisionsFolder, mode: 0o700)
        try Disk.makeFolder(settings.certificatesFolder, mode: 0o700, owner: settings.workerUser)
        try Disk.makeFolder(settings.temporaryFolder, mode: 0o711)
        let main = NginxConfiguration.main(settings, including: "\(settings.currentLink)/\(Self.httpFile)")
        if Disk.read(settings.configurationFile) != main {
            try Disk.replace(settings.configurationFile, with: main, mode: 0o600)
        }
    }

    /// Writes the certificates that are not there yet, for the workers alone to read.
    ///
    /// - Returns: why some cannot be served. nginx would only notice when a client asks.
    func store(_ state: ProxyState) throws(ProxyError) -> [Hostname: String] {
        // After a power cut a file may be there and empty.
        let present = Set(Disk.namesOfFilled(in: settings.certificatesFolder))
        var refused: [Hostname: String] = [:]
        for route in state.routes {
            let certificate = route.certificate
            let pem = "\(certificate.fingerprint).pem"
            let key = "\(certificate.fingerprint).key"
            guard !present.contains(pem) || !present.contains(key) else { continue }
            if let fault = certificate.fault {
                refused[route.host] = fault
                continue
            }
            for (name, text) in [(pem, Secret(certificate.chainPEM)), (key, certificate.keyPEM)] {
                try Disk.replace(
                    "\(settings.certificatesFolder)/\(name)", with: text.reveal(), mode: 0o600,
                    owner: settings.workerUser)
            }
        }
        return refused
    }

    /// Writes a revision apart from what is served.
    ///
    /// - Returns: the main file to test it with.
    func write(_ configuration: NginxConfiguration) throws(ProxyError) -> String {
        let folder = folder(of: configuration.revision)
        let http = "\(folder)/\(Self.httpFile)"
        let main = "\(folder)/\(Self.mainFile)"
        try Disk.makeFolder(folder, mode: 0o700)
        // Compared and not trusted: after a power cut a file may be there and empty.
        if Disk.read(http) != configuration.http {
            try Disk.replace(http, with: configuration.http, mode: 0o600)
        }
        try Disk.replace(main, with: NginxConfiguration.main(settings, including: http), mode: 0o600)
        return main
    }

    /// The revision that `current` points to.
    var current: String? {
        Disk.linkTarget(settings.currentLink).flatMap { $0.split(separator: "/").last.map(String.init) }
    }

    /// Whether the current revision is whole on the disk.
    func holds(_ configuration: NginxConfiguration) -> Bool {
        current == configuration.revision
            && Disk.read("\(folder(of: configuration.revision))/\(Self.httpFile)") == configuration.http
    }

    /// Points `current` elsewhere, in one step.
    func activate(_ revision: String) throws(ProxyError) {
        try Disk.link(settings.currentLink, to: "revisions/\(revision)")
    }

    /// Removes revisions other than these, and certificates that none of these states has.
    func prune(keeping revisions: Set<String>, _ states: [ProxyState]) {
        for name in Disk.names(in: settings.revisionsFolder) where !revisions.contains(name) {
            let folder = folder(of: name)
            for file in Disk.names(in: folder) { unlink("\(folder)/\(file)") }
            rmdir(folder)
        }
        var kept: Set<String> = []
        for state in states { kept.formUnion(state.routes.map(\.certificate.fingerprint)) }
        for name in Disk.names(in: settings.certificatesFolder) {
            let fingerprint = String(name.prefix { $0 != "." })
            // Drafts are what a killed process left: this one is writing none now.
            if !kept.contains(fingerprint) || name.hasSuffix(Disk.draftSuffix) {
                unlink("\(settings.certificatesFolder)/\(name)")
            }
        }
    }

    private func folder(of revision: String) -> String { "\(settings.revisionsFolder)/\(revision)" }
}

extension NginxFolder {
    /// Runs file work away from the cooperative pool.
    func away<Result: Sendable>(
        _ work: @escaping @Sendable (NginxFolder) throws(ProxyError) -> Result
    ) async throws(ProxyError) -> Result {
        try await Disk.away { () throws(ProxyError) in try work(self) }
    }
}
