public import FoundationEssentials

/// What a server's certificate says (RFC 5280), as far as it matters to who operates it.
public struct PeerCertificate: Sendable, Equatable {
    /// Distinguished names as OpenSSL prints them, such as `O = Lab, CN = nas.home.arpa`.
    public var subject: String
    public var issuer: String
    public var serialNumber: String
    public var notBefore: Date?
    public var notAfter: Date?
    /// Subject alternative names: host names and IP addresses, without their type.
    public var alternativeNames: [String]
    public var pem: String

    /// From the `name:value` lines that `CURLINFO_CERTINFO` gives for one certificate.
    init(lines: [String]) {
        var values: [Substring: Substring] = [:]
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { continue }
            values[line[..<colon]] = line[line.index(after: colon)...]
        }
        subject = String(values["Subject"] ?? "")
        issuer = String(values["Issuer"] ?? "")
        serialNumber = String(values["Serial Number"] ?? "")
        notBefore = values["Start date"].flatMap { HTTPDate.parseOpenSSL(String($0)) }
        notAfter = values["Expire date"].flatMap { HTTPDate.parseOpenSSL(String($0)) }
        alternativeNames = (values["X509v3 Subject Alternative Name"] ?? "").split(separator: ",").compactMap { entry in
            guard let colon = entry.firstIndex(of: ":") else { return nil }
            var name = entry[entry.index(after: colon)...]
            while name.last == " " || name.last == "\n" { name.removeLast() }
            return String(name)
        }
        pem = String(values["Cert"] ?? "")
    }
}
