import LabCore
import LabCrypto

extension ServedCertificate {
    /// Why no proxy can serve it, or nil: its text cannot be read, or its key is another one's. Proxies notice that only
    /// when a client asks, if at all.
    var fault: String? {
        if isIssuedHere { return nil }
        do {
            let isPair = try Certificate(pem: chainPEM).matches(PrivateKey(pem: keyPEM))
            return isPair ? nil : "its key does not belong to its certificate \(fingerprint)"
        } catch {
            return error.description
        }
    }
}
