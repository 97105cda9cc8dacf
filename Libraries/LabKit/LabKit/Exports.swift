// What a service imports: the whole of LabKit under one name.
@_exported public import LabCore
@_exported public import LabCrypto
@_exported public import LabDNSClient
@_exported public import LabHTTPClient
@_exported public import LabMQTT
@_exported public import LabPostgres
@_exported public import LabService
@_exported public import LabState
